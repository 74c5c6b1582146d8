/** `npm run check`: everything that must hold beside the tests, one line for each step. `--only STEP` runs one. */
import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { checkExports } from './check/exports.ts'
import { type Finding, type House, openHouse } from './check/house.ts'
import { checkImports } from './check/imports.ts'
import { checkLinks } from './check/links.ts'
import { checkShape } from './check/shape.ts'
import { checkSnippets } from './check/snippets.ts'

const root = resolve(import.meta.dirname, '..')

interface Step {
  readonly name: string
  /** What it holds, for `--help` and for the line of the step. */
  readonly holds: string
  /** Answers what does not hold, as text; empty when all does. */
  run(house: House): Promise<string>
}

const steps: readonly Step[] = [
  {
    name: 'style',
    holds: 'format, lint and import rules',
    run: () => tool('@biomejs/biome/bin/biome', ['ci', '--colors=off', '--error-on-warnings', '--diagnostic-level=warn', '.']),
  },
  { name: 'types', holds: 'packages, tests, examples, benches, scripts, a page', run: types },
  { name: 'imports', holds: 'relative imports stay in their room', run: async (house) => listed(checkImports(house)) },
  { name: 'shape', holds: 'names, opening sentences, READMEs', run: async (house) => listed(checkShape(house)) },
  { name: 'snippets', holds: 'programs in documents compile', run: async (house) => listed(checkSnippets(house)) },
  { name: 'links', holds: 'links and anchors between documents', run: async (house) => listed(checkLinks(house)) },
  { name: 'exports', holds: 'exports, dependencies, versions, references', run: async (house) => listed(checkExports(house)) },
]

async function types(): Promise<string> {
  const tsc = 'typescript/bin/tsc'
  const projects = [['-b'], ['-p', 'tsconfig.tests.json'], ['-p', 'examples/socket-workers/page']]
  for (const project of projects) {
    const problems = await tool(tsc, [...project, '--pretty', 'false'])
    if (problems !== '') return problems
  }
  return ''
}

/** Runs a tool of node_modules and answers its output if it fails. */
function tool(script: string, args: readonly string[]): Promise<string> {
  return new Promise((done) => {
    const options = { cwd: root, maxBuffer: 64 * 1024 * 1024 }
    execFile(process.execPath, [join(root, 'node_modules', script), ...args], options, (error, stdout, stderr) => {
      done(error === null ? '' : `${stdout}${stderr}`.trim() || error.message)
    })
  })
}

function listed(findings: readonly Finding[]): string {
  return findings.map(({ where, what }) => `${where}  ${what}`).join('\n')
}

async function main(args: readonly string[]): Promise<number> {
  const names = steps.map(({ name }) => name)
  const only = args[0] === '--only' ? args.slice(1) : []
  const unknown = args.length === 0 ? [] : only.length === 0 ? [args.join(' ')] : only.filter((name) => !names.includes(name))
  if (unknown.length > 0) {
    console.error(`expected no arguments or \`--only\` with one or more of ${names.join(', ')}, got: ${unknown.join(' ')}`)
    return 2
  }
  const house = openHouse(root)
  const failures: string[] = []
  for (const step of steps.filter(({ name }) => only.length === 0 || only.includes(name))) {
    const startedAt = performance.now()
    const problems = await step.run(house)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)
    console.log(`${problems === '' ? 'ok    ' : 'FAILED'} ${seconds} s  ${step.name.padEnd(9)} ${step.holds}`)
    if (problems !== '') failures.push(`--- ${step.name}: ${step.holds}\n${problems}\n`)
  }
  for (const failure of failures) console.log(`\n${failure}`)
  console.log(failures.length === 0 ? 'check: all steps hold' : `check: ${failures.length} of the steps failed`)
  return failures.length === 0 ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
