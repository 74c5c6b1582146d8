/** The quickstart as its user meets it: a process that is killed, started again, and asked wrong things. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { measureFile } from './measure.ts'
import { makeReport, type Report } from './report.ts'
import { walk } from './walk.ts'

const main = join(import.meta.dirname, 'main.ts')
const deadlineMs = 30_000

let cwd: string
let folder: string
const children: ChildProcess[] = []

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'lovage-quickstart-'))
  folder = join(cwd, 'files')
  mkdirSync(folder)
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(cwd, { recursive: true, force: true })
})

function start(...args: string[]) {
  const child = spawn(process.execPath, [main, folder, '--port', '0', ...args], {
    cwd,
    env: { ...process.env, INIT_CWD: cwd },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  const lines: string[] = []
  let waiting: { pattern: RegExp; found(line: string): void }[] = []
  const hear = (line: string) => {
    lines.push(line)
    for (const { found } of waiting.filter(({ pattern }) => pattern.test(line))) found(line)
    waiting = waiting.filter(({ pattern }) => !pattern.test(line))
  }
  createInterface(child.stdout).on('line', hear)
  createInterface(child.stderr).on('line', hear)
  const ended = once(child, 'close', { signal: AbortSignal.timeout(deadlineMs) })
  ended.catch(() => child.kill('SIGKILL'))
  return {
    child,
    lines,
    /** Resolves with the first line that matches, from now on; rejects when the process ends without it. */
    line: (pattern: RegExp) =>
      new Promise<string>((found, missing) => {
        waiting.push({ pattern, found })
        ended.finally(() => missing(new Error(`expected a line like ${pattern}, got:\n${lines.join('\n')}`))).catch(() => {})
      }),
    exitCode: async () => (await ended)[0] as number | null,
  }
}

function writtenReport(): Report {
  return JSON.parse(readFileSync(join(cwd, 'lovage-report/report.json'), 'utf8')) as Report
}

/** The report that plain code makes of the folder, without any queue. */
async function expectedReport(): Promise<Report> {
  const { files } = await walk(folder)
  const { signal } = new AbortController()
  const facts = await Promise.all(files.map(({ path }) => measureFile(join(folder, path), path, signal)))
  return makeReport(folder, facts, [])
}

function fill(files: number): void {
  for (let i = 0; i < files; i++) writeFileSync(join(folder, `${i}.txt`), `${i % (files - 5)} `.repeat(500))
}

it('killed in the middle and started again, reports each file once; started once more, finds its report', async () => {
  fill(2000)
  const killed = start()
  await killed.line(/^measured [1-9]/)
  killed.child.kill('SIGKILL')
  await killed.exitCode()
  expect(existsSync(join(cwd, 'lovage-report/report.json'))).toBe(false)

  const second = start('--once')
  expect(await second.exitCode()).toBe(0)
  expect(second.lines).toContain(`folder  ${folder}: 2000 files, one task each (2000 known from before)`)
  const report = writtenReport()
  expect(report).toEqual(await expectedReport())
  expect(report.duplicates).toHaveLength(5)

  rmSync(join(cwd, 'lovage-report'), { recursive: true })
  const third = start('--once')
  expect(await third.exitCode()).toBe(0)
  expect(third.lines.filter((line) => line.startsWith('measured'))).toEqual(['measured 2000 of 2000 files'])
  expect(writtenReport()).toEqual(report)
}, 90_000)

it('stays up with a schedule and an HTTP server until Ctrl-C, and measures again what has changed', async () => {
  fill(20)
  const first = start()
  const address = (await first.line(/^HTTP/)).replace(/^HTTP +/, '')
  await first.line(/^up until Ctrl-C/)
  expect((await fetch(`${address}/health`)).status).toBe(200)
  const { schedules } = (await (await fetch(`${address}/api/schedules`)).json()) as { schedules: { name: string }[] }
  expect(schedules.map(({ name }) => name)).toEqual(['quickstart.rescan'])
  first.child.kill('SIGINT')
  expect(await first.exitCode()).toBe(0)

  writeFileSync(join(folder, '0.txt'), 'changed')
  const second = start('--once')
  expect(await second.exitCode()).toBe(0)
  expect(second.lines).toContain(`folder  ${folder}: 20 files, one task each (19 known from before, 1 sent)`)
  expect(writtenReport()).toEqual(await expectedReport())

  const fresh = start('--once', '--fresh')
  expect(await fresh.exitCode()).toBe(0)
  expect(fresh.lines).toContain(`folder  ${folder}: 20 files, one task each (20 sent)`)
}, 60_000)

it('answers a wrong argument with one line and its usage, and a taken port with one line', async () => {
  const wrong = start('--speed')
  expect(await wrong.exitCode()).toBe(2)
  expect(wrong.lines[0]).toMatch(/--speed/)

  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  const refused = start('--port', String(port))
  expect(await refused.exitCode()).toBe(1)
  expect(refused.lines).toHaveLength(1)
  expect(refused.lines[0]).toMatch(/^\[port taken\] expected port .* npm start -- --port 0$/)
  taken.close()
})
