/** The program as its user meets it: killed, started again, given a wrong address. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, it } from 'vitest'

let cwd: string
const children: ChildProcess[] = []
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'lovage-mail-'))
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(cwd, { recursive: true, force: true })
})

/** Starts the program, sends it a signal when it is up, and answers what it printed and how it ended. */
async function runUntil(signal: NodeJS.Signals, ...addresses: string[]) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...addresses], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 15_000,
    killSignal: 'SIGKILL',
  })
  children.push(child)
  const lines: string[] = []
  for (const output of [child.stdout, child.stderr]) {
    createInterface(output).on('line', (line) => {
      lines.push(line)
      if (line === 'up until Ctrl-C') child.kill(signal)
    })
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, lines }
}

it('keeps its plans when it is killed, and welcomes nobody twice', async () => {
  const killed = await runUntil('SIGKILL', 'ada@example.org', 'bob@example.org', 'ada@example.org')
  expect(killed.code).toBe(null)
  expect(killed.lines.filter((line) => line.startsWith('Welcome')).sort()).toEqual([
    'Welcome -> ada@example.org',
    'Welcome -> bob@example.org',
  ])

  const again = await runUntil('SIGINT', 'ada@example.org')
  expect(again).toEqual({
    code: 0,
    lines: [
      'ada@example.org was signed up before',
      expect.stringMatching(/^morning-digest at \d{4}-\d\d-\d\dT0[67]:00:00\.000Z$/),
      expect.stringMatching(/^mail\.follow-up to (ada|bob)@example\.org at \d{4}-/),
      expect.stringMatching(/^mail\.follow-up to (ada|bob)@example\.org at \d{4}-/),
      'up until Ctrl-C',
    ],
  })
  expect(readdirSync(join(cwd, 'outbox'))).toHaveLength(2)
}, 40_000)

it('answers a wrong address with one line', async () => {
  const { code, lines } = await runUntil('SIGINT', 'ada')
  expect(code).toBe(1)
  expect(lines).toEqual([
    expect.stringMatching(/^\[input invalid\] expected the input of mail\.welcome .* Invalid email address/),
  ])
})
