/** `npm test`: one run of all tests. Arguments go to vitest; the last line is `N passed, N failed`. In CI a skip is a failure. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { hasCelery, hasChromium, hasPgBouncer, hasPostgres, hasPythonSocketio, hasRabbitmq, hasRedis } from '@lovage/services'

const root = resolve(import.meta.dirname, '..')

/** The parts of vitest's JSON report that are counted. */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message?: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

/** A server that some tests need, where they stand, and whether it is there. */
interface Need {
  readonly server: string
  readonly tests: readonly string[]
  isThere(): boolean
}

const needs: readonly Need[] = [
  {
    server: 'PostgreSQL',
    tests: ['stores/postgres/**', '**/postgres*.test.ts', 'lovage/src/rabbitmq.test.ts'],
    isThere: hasPostgres,
  },
  { server: 'PgBouncer', tests: ['**/*pgbouncer*.test.ts'], isThere: hasPgBouncer },
  { server: 'RabbitMQ', tests: ['signals/rabbitmq/**', '**/*rabbitmq*.test.ts'], isThere: hasRabbitmq },
  { server: 'Celery', tests: ['**/*real-celery*.test.ts'], isThere: hasCelery },
  { server: 'python-socketio', tests: ['**/*python-socketio*.test.ts'], isThere: hasPythonSocketio },
  { server: 'Chromium', tests: ['**/*chromium*.test.ts'], isThere: hasChromium },
  { server: 'Redis', tests: ['brokers/celery/src/redis/**', '**/*redis*.test.ts'], isThere: hasRedis },
]

/** Runs vitest and answers its exit code; 1 when a signal ended it. */
function runVitest(args: readonly string[], report: string): Promise<number> {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const child = spawn(process.execPath, [vitest, 'run', ...reporters, ...args], { cwd: root, stdio: 'inherit' })
  return new Promise((done, fail) => child.once('error', fail).once('exit', (code) => done(code ?? 1)))
}

function readReport(file: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report
  } catch {
    return undefined
  }
}

/** Counts passes and failures; names what failed without a failed test of its own. */
function count(report: Report, inCi: boolean): { passed: number; failed: number; notes: string[] } {
  const files = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  )
  const notes = files.map(({ name }) => `failed outside of its tests: ${name}`)
  const skipped = report.testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status !== 'passed' && status !== 'failed').map(({ fullName }) => fullName),
  )
  notes.push(...skipped.map((name) => `skipped${inCi ? ', which counts as failed in CI' : ''}: ${name}`))
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + files.length + (inCi ? skipped.length : 0),
    notes,
  }
}

async function main(args: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'lovage-test-'))
  const inCi = (process.env.CI ?? '') !== ''
  const missing = needs.filter((need) => !need.isThere())
  const left = missing.flatMap(({ tests }) => tests.map((pattern) => `--exclude=${pattern}`))
  try {
    const file = join(folder, 'report.json')
    const code = await runVitest([...left, ...args], file)
    const report = readReport(file)
    const { passed, failed, notes } =
      report === undefined ? { passed: 0, failed: 1, notes: ['vitest ended without a report'] } : count(report, inCi)
    // Vitest also fails for errors outside of any test: they must not hide behind a zero.
    const failures = (failed === 0 && code !== 0 ? 1 : failed) + (inCi ? missing.length : 0)
    if (failed === 0 && code !== 0) notes.push('vitest failed outside of a test, see above')
    notes.push(...missing.map(({ server }) => `left out, because ${server} is not installed: its tests`))
    for (const note of notes) console.log(note)
    console.log(`${passed} passed, ${failures} failed`)
    return failures === 0 ? 0 : 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

process.exitCode = await main(process.argv.slice(2))
