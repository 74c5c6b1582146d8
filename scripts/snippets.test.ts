/** The programs in README files and under docs run to their end and print what their comments say: `console.log(x) // => 3`. */
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openHouse } from './check/house.ts'
import { snippetsOf, type WrittenSnippet, writeSnippets } from './check/snippets.ts'

/** A program of a document that has not ended by then never will. */
const deadlineMs = 15_000

const house = openHouse(resolve(import.meta.dirname, '..'))
const { folder, written } = writeSnippets(house, snippetsOf(house))

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs a program in a folder of its own and answers what it said if it failed. */
function failureOf({ path, line, code }: WrittenSnippet): Promise<string> {
  const cwd = join(dirname(path), `at-line-${line}`)
  mkdirSync(cwd, { recursive: true })
  return new Promise((done) => {
    execFile(process.execPath, [path], { cwd, timeout: deadlineMs, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      if (error === null) done(unsaid(code, stdout))
      else done(error.killed === true ? `did not end within ${deadlineMs} ms\n${stdout}${stderr}` : `${error.message}\n${stdout}`)
    })
  })
}

/** Says which promised line was not printed, each after the one before; `...` in it stands for anything. */
function unsaid(code: string, stdout: string): string {
  const lines = stdout.split('\n')
  for (const [, promised = ''] of code.matchAll(/^\s*console\.log\(.*\) \/\/ => (.+)$/gm)) {
    const parts = promised.split('...').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    const pattern = new RegExp(`^${parts.join('.*')}$`)
    const at = lines.findIndex((line) => pattern.test(line))
    if (at < 0) return `expected it to print ${JSON.stringify(promised)}, got:\n${stdout}`
    lines.splice(0, at + 1)
  }
  return ''
}

describe.concurrent('programs in documents', () => {
  it('are there', () => expect(written.length).toBeGreaterThan(0))

  for (const snippet of written.filter(({ run }) => run)) {
    it(`${snippet.document}:${snippet.line}`, async ({ expect }) => expect(await failureOf(snippet)).toBe(''))
  }
})
