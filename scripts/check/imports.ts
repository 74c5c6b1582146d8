/** Import rules that the linter cannot see: relative imports that leave their room or reach into another one's folders. */
import { dirname, posix } from 'node:path'
import ts from 'typescript'
import { type Finding, type House, lineAt, roomOf, sourcesOf, textOf } from './house.ts'

/** One import of a file, static or dynamic, types included. */
export interface Import {
  readonly specifier: string
  readonly line: number
}

/** Lists the imports and re-exports of a source text. */
export function importsOf(text: string): Import[] {
  return ts
    .preProcessFile(text, true, true)
    .importedFiles.map(({ fileName, pos }) => ({ specifier: fileName, line: lineAt(text, pos) }))
}

/** The package that a specifier names; undefined for relative and `node:` specifiers. */
export function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('node:') || specifier.startsWith('#')) return undefined
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** Finds relative imports that leave their room. Who may import which package is held by `biome.jsonc`. */
export function checkImports(house: House): Finding[] {
  return sourcesOf(house).flatMap((file) =>
    importsOf(textOf(house, file)).flatMap(({ specifier, line }) => {
      const problem = specifier.startsWith('.') ? leavesRoom(house, file, specifier) : undefined
      return problem === undefined ? [] : [{ where: `${file}:${line}`, what: problem }]
    }),
  )
}

function leavesRoom(house: House, file: string, specifier: string): string | undefined {
  const from = roomOf(house, file)
  const target = posix.normalize(`${dirname(file)}/${specifier}`)
  const to = roomOf(house, target)
  if (from === to) return undefined
  const name = to?.manifest.name
  const advice = name === undefined ? 'a room imports nothing from outside' : `import \`${name}\` by its name`
  return `expected a relative import to stay in ${from?.dir ?? 'its folder'}, got: ${specifier}; ${advice}`
}
