/** Each check must be able to fail: a small house with one fault of each kind. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkExports } from './exports.ts'
import { type Finding, openHouse } from './house.ts'
import { checkImports, importsOf, packageOf } from './imports.ts'
import { anchorsOf, checkLinks, linksOf } from './links.ts'
import { checkShape } from './shape.ts'
import { programsOf } from './snippets.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lovage-house-'))
  execFileSync('git', ['init', '-q'], { cwd: root })
  put('package.json', JSON.stringify({ name: 'house', version: '1.0.0', workspaces: ['core', 'stores/*'] }))
  room('core', { name: '@h/core' })
  room('stores/memory', { name: '@h/store-memory', dependencies: { '@h/core': '1.0.0' } }, ['../../core'])
  put('core/src/index.ts', '/** The words. */\nexport const word = 1\n')
  put('stores/memory/src/index.ts', "/** The maps. */\nexport { word } from '@h/core'\n")
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

const readme = `# A room
## Install
## Smallest complete use
## What it promises and what not
## Options
## Extra
## Errors
## How it works
## Links
`

function put(file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true })
  writeFileSync(join(root, file), text)
}

function room(dir: string, manifest: object, references: readonly string[] = []): void {
  put(`${dir}/package.json`, JSON.stringify({ version: '1.0.0', exports: { '.': './src/index.ts' }, ...manifest }))
  put(`${dir}/tsconfig.json`, JSON.stringify({ references: references.map((path) => ({ path })) }))
  put(`${dir}/README.md`, readme)
}

const texts = (findings: readonly Finding[]) => findings.map(({ where, what }) => `${where} ${what}`)

it('finds nothing in a sound house', () => {
  const house = openHouse(root)
  expect([...checkImports(house), ...checkShape(house), ...checkLinks(house), ...checkExports(house)]).toEqual([])
})

describe('imports', () => {
  it('stay in their room', () => {
    put('stores/memory/src/maps.ts', "/** Maps. */\nimport type { word } from '../../../core/src/index.ts'\n")
    expect(texts(checkImports(openHouse(root)))).toEqual([
      'stores/memory/src/maps.ts:2 expected a relative import to stay in stores/memory, got: ../../../core/src/index.ts; import `@h/core` by its name',
    ])
  })

  it('are read in every form, and not from comments', () => {
    const text = "// import 'no'\nimport type { A } from 'a'\nexport * from './b.ts'\nconst c = await import('@s/c/deep')\n"
    expect(importsOf(text)).toEqual([
      { specifier: 'a', line: 2 },
      { specifier: './b.ts', line: 3 },
      { specifier: '@s/c/deep', line: 4 },
    ])
    expect(['a', './b.ts', '@s/c/deep', 'node:fs'].map(packageOf)).toEqual(['a', undefined, '@s/c', undefined])
  })
})

describe('shape', () => {
  it('refuses names that say nothing, files without a sentence and packages without a README', () => {
    put('core/src/utils.ts', 'export const a = 1\n')
    rmSync(join(root, 'core/README.md'))
    expect(texts(checkShape(openHouse(root)))).toEqual([
      'core/src/utils.ts expected a name that says the concept, got: utils',
      'core/src/utils.ts:1 expected the file to open with one `/** ... */` sentence that says its duty',
      'core/README.md expected each package to have a README.md',
    ])
  })

  it('wants the same headings in each README, in the same order', () => {
    put('core/README.md', readme.replace('## Install\n', '').replace('## Links\n', '## Links\n## Install\n'))
    expect(texts(checkShape(openHouse(root)))).toEqual([
      'core/README.md expected the headings Install, Smallest complete use, What it promises and what not, Options, Errors, How it works, Links, in this order, got: Smallest complete use, What it promises and what not, Options, Extra, Errors, How it works, Links, Install',
    ])
  })

  it('lets a program begin with its interpreter', () => {
    put('core/src/bin.ts', '#!/usr/bin/env node\n/** Starts. */\n')
    expect(checkShape(openHouse(root))).toEqual([])
  })
})

describe('links', () => {
  it('need a target and a heading', () => {
    put('docs/a.md', '# A\n\n[b](b.md#second-part) [no](c.md) [web](https://x.test/y)\n\n[far]: b.md#third\n')
    put('docs/b.md', '# B\n\n## Second part\n')
    expect(texts(checkLinks(openHouse(root)))).toEqual([
      'docs/a.md:3 expected the link to point to a file of the repository, got: c.md',
      'docs/a.md:5 expected a heading for the anchor in docs/b.md, got: #third',
    ])
  })

  it('are not read from code', () => {
    expect(linksOf('`[a](b)`\n\n```md\n[c](d)\n```\n[e](f)\n')).toEqual([{ target: 'f', line: 6 }])
  })

  it('anchor as GitHub does', () => {
    expect([...anchorsOf('# What `send` does, and why\n## Twice\n## Twice\n')]).toEqual([
      'what-send-does-and-why',
      'twice',
      'twice-1',
    ])
  })
})

describe('exports', () => {
  it('have targets, dependencies are used and declared at the version of the house, references match', () => {
    room('core', { name: '@h/core', exports: { '.': './src/gone.ts' }, dependencies: { left: '^1.0.0' } }, ['../stores/memory'])
    room('stores/memory', { name: '@h/store-memory', dependencies: { '@h/core': '0.9.0' } })
    put('stores/memory/src/index.ts', "/** The maps. */\nimport 'right'\nimport '@h/core'\n")
    expect(texts(checkExports(openHouse(root)))).toEqual([
      'core/package.json expected the target of `exports` or `bin` to exist, got: ./src/gone.ts',
      'core/package.json expected an exact version of left, got: ^1.0.0',
      'core/package.json expected src to import left, which `dependencies` names',
      'core/tsconfig.json expected references to dependencies only, got: stores/memory',
      'stores/memory/package.json expected @h/core at 1.0.0, its version in the house, got: 0.9.0',
      'stores/memory/package.json expected `dependencies` to name right, which src imports',
      'stores/memory/tsconfig.json expected a reference to core, a dependency',
    ])
  })
})

describe('snippets', () => {
  it('are the programs of a document, with what their fences say', () => {
    const text =
      "```ts\nimport 'a'\n```\n\n```ts no-run\nimport 'b'\n```\n```ts file=c.ts\nexport {}\n```\n```ts\nconst part = 1\n```\n"
    expect(programsOf('README.md', text)).toEqual([
      { document: 'README.md', line: 1, code: "import 'a'\n", file: undefined, run: true },
      { document: 'README.md', line: 5, code: "import 'b'\n", file: undefined, run: false },
      { document: 'README.md', line: 8, code: 'export {}\n', file: 'c.ts', run: false },
    ])
  })
})
