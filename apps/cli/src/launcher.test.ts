/** What only the real command shows: where files fail to load, what reaches the terminal, and what an old Node does. */
import { execFile } from 'node:child_process'
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LovageFolder } from './fixtures/lovage-command.ts'

const bin = fileURLToPath(new URL('../bin/lovage.js', import.meta.url))
let folder: LovageFolder
beforeAll(async () => {
  folder = await LovageFolder.make()
})
afterAll(() => folder.close())

describe('a task file that does not load is placed', { timeout: 30_000 }, () => {
  test.each([
    ['type.ts', '\nconst x: = 1', /to load, got: SyntaxError: .* at type\.ts:2\n$/],
    ['enum.ts', 'export enum A { X }', /no enum, namespace or parameter property\) at enum\.ts:1\n$/],
    ['script.mjs', 'export const a = 1\nconst b = = 2\n', /to load, got: SyntaxError: .* at script\.mjs:2\n$/],
    ['throws.mjs', '\n\nthrow new TypeError("boom")', /to load, got: TypeError: boom at throws\.mjs:3\n$/],
    ['imports.mjs', 'import "./throws.mjs"', /to load, got: TypeError: boom at throws\.mjs:3\n$/],
    ['missing.mjs', 'import "no-such-package"', /Cannot find package 'no-such-package'/],
    ['names.mjs', 'import { nothing } from "node:fs"', /does not provide an export named 'nothing' at names\.mjs:1\n$/],
  ])('%s', async (name, text, line) => {
    await writeFile(join(folder.path, name), text)
    const { code, stdout, stderr } = await folder.run(['worker', name])
    expect(stderr).toMatch(/^lovage: [^\n]*\n$/)
    expect(stderr).toMatch(line)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })
})

test('a negative number is an input, not an option', { timeout: 30_000 }, async () => {
  const { stdout } = await folder.run(['send', 'x', '-5'])
  expect(JSON.parse((await folder.run(['show', stdout.trim(), '--json'])).stdout)).toMatchObject({ task: { input: -5 } })
})

test('on a terminal there are colours, but not with NO_COLOR', { timeout: 30_000 }, async () => {
  const escapeCharacter = String.fromCharCode(27)
  const onTerminal = async (environment: NodeJS.ProcessEnv) => {
    // `script` gives the command a terminal of its own.
    const options = { cwd: folder.path, env: { ...process.env, ...environment } }
    return (await promisify(execFile)('script', ['-qec', `${process.execPath} ${bin} status`, '/dev/null'], options)).stdout
  }
  expect(await onTerminal({})).toContain(escapeCharacter)
  expect(await onTerminal({ NO_COLOR: '1' })).not.toContain(escapeCharacter)
})

test('a floating rejection in a task file is one line and exit 1', { timeout: 30_000 }, async () => {
  const core = new URL('../../../core/src/index.ts', import.meta.url).href
  const text = `import { defineTask } from '${core}'\nexport const a = defineTask({ name: 'a', run() {} })\nPromise.reject(new Error('nobody waits'))\n`
  await writeFile(join(folder.path, 'floats.ts'), text)
  expect(await folder.run(['worker', 'floats.ts'])).toMatchObject({ code: 1, stderr: 'lovage: nobody waits\n' })
})

test('a module in a CommonJS project is told how to be one', { timeout: 30_000 }, async () => {
  await mkdir(join(folder.path, 'common'))
  await writeFile(join(folder.path, 'common/package.json'), '{"type":"commonjs"}')
  await writeFile(join(folder.path, 'common/tasks.ts'), 'import { defineTask } from "lovage"\n')
  expect(await folder.run(['worker', 'common/tasks.ts'])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(
      /^lovage: expected common\/tasks\.ts to load, got: .* \(put "type": "module" into package\.json, .*\n$/,
    ),
  })
})

/** A project in which every Node is too old, but for the one that it may bring itself. */
describe('on a Node that is too old', { timeout: 30_000 }, () => {
  async function project(name: string): Promise<string> {
    const home = join(folder.path, name, 'node_modules/@lovage/cli/bin')
    await mkdir(home, { recursive: true })
    const text = await readFile(bin, 'utf8')
    await writeFile(join(home, 'lovage.js'), text.replace('const least = [22, 18]', 'const least = [999, 0]'))
    await writeFile(join(dirname(home), 'package.json'), '{"type":"module"}')
    return join(folder.path, name)
  }
  const call = (home: string, ...args: string[]) =>
    promisify(execFile)(process.execPath, [join(home, 'node_modules/@lovage/cli/bin/lovage.js'), ...args], { cwd: home }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: { code: number; stdout: string; stderr: string }) => ({
        code: error.code,
        stdout: error.stdout,
        stderr: error.stderr,
      }),
    )

  test('the newer one of the project runs the same words', async () => {
    const home = await project('with')
    const own = join(home, 'node_modules/node')
    await mkdir(join(own, 'bin'), { recursive: true })
    await writeFile(join(own, 'package.json'), '{"version":"999.1.0"}')
    await writeFile(join(own, 'bin/node'), '#!/bin/sh\nshift\necho "newer: $*"\nexit 3\n')
    await chmod(join(own, 'bin/node'), 0o755)
    expect(await call(home, 'send', 'a b', '--wait')).toEqual({ code: 3, stdout: 'newer: send a b --wait\n', stderr: '' })
  })

  test('without one there is a line that says what to do', async () => {
    const home = await project('without')
    expect(await call(home, 'status')).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(
        /^lovage: expected Node 999\.0 or newer, got: \d+\.\d+\.\d+ \(.*\); install it from https:\/\/nodejs\.org or run `npm install node@24` in your project\n$/,
      ),
    })
  })

  test('signals reach the command behind it, and its death is theirs', async () => {
    const home = await project('signals')
    const own = join(home, 'node_modules/node')
    await mkdir(join(own, 'bin'), { recursive: true })
    await writeFile(join(own, 'package.json'), '{"version":"999.1.0"}')
    await symlink(process.execPath, join(own, 'bin/node'))
    // The copy thinks every Node too old; behind it the real command runs.
    const copy = join(home, 'node_modules/@lovage/cli/bin/lovage.js')
    await writeFile(
      copy,
      (await readFile(copy, 'utf8')).replace(
        'spawn(node, [fileURLToPath(import.meta.url),',
        `spawn(node, [${JSON.stringify(bin)},`,
      ),
    )
    const process_ = promisify(execFile)(process.execPath, [copy, 'server', '--port', '0', '--json'], { cwd: home })
    const child = process_.child
    child.stdout?.once('data', () => child.kill('SIGTERM'))
    const { stdout } = await process_
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { msg: string }).msg),
    ).toEqual(['server ready', 'stopping', 'stopped'])
  })
})
