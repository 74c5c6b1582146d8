/** What is published works where it is installed: under plain Node, built, with no repository around it. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Manifest, openHouse } from './check/house.ts'
import { packAll, publishedManifest } from './pack.ts'

const root = resolve(import.meta.dirname, '..')

describe('publishedManifest', () => {
  it('points to what is built, with types first', () => {
    const manifest = {
      name: 'x',
      version: '1.0.0',
      exports: { '.': './src/index.ts', './deep': './src/a/deep.ts' },
      bin: { x: './bin/x.js' },
      files: ['src'],
      devDependencies: { y: '1.0.0' },
    }
    expect(publishedManifest(manifest)).toEqual({
      name: 'x',
      version: '1.0.0',
      exports: {
        '.': { types: './dist/index.d.ts', default: './dist/index.js' },
        './deep': { types: './dist/a/deep.d.ts', default: './dist/a/deep.js' },
      },
      bin: { x: './bin/x.js' },
      files: ['bin', 'dist', 'README.md', 'LICENSE'],
    })
  })
})

describe('the packages', { timeout: 120_000 }, () => {
  let folder: string
  let app: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'lovage-pack-'))
    app = join(folder, 'app')
    mkdirSync(app)
    const tarballs = packAll(join(folder, 'packages'))
    // Other people's packages come from the repository's node_modules: the test needs no network.
    const foreign = openHouse(root)
      .rooms.flatMap((room) => foreignDependencies(room.manifest))
      .map((name) => [name, `file:${join(root, 'node_modules', name)}`])
    const manifest = { name: 'app', private: true, type: 'module', dependencies: Object.fromEntries(foreign) }
    writeFileSync(join(app, 'package.json'), JSON.stringify(manifest))
    // What the README says to do: `npm install .../dist-packages/*.tgz`. From a folder npm would build what the registry has built.
    const quiet = ['--offline', '--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts']
    execFileSync('npm', ['install', ...quiet, ...tarballs], { cwd: app, stdio: 'pipe' })
  }, 120_000)

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function foreignDependencies({ dependencies = {} }: Manifest): string[] {
    return Object.keys(dependencies).filter((name) => name !== 'lovage' && !name.startsWith('@lovage/'))
  }

  function run(args: readonly string[]): string {
    return execFileSync(process.execPath, ['--no-strip-types', ...args], { cwd: app, encoding: 'utf8', timeout: 30_000 })
  }

  it('send, run and answer, inline and in threads', () => {
    const tasks = `import { defineTask } from 'lovage'\nexport const double = defineTask({ name: 'double', run: (n) => 2 * n })\n`
    writeFileSync(join(app, 'tasks.js'), tasks)
    writeFileSync(
      join(app, 'main.js'),
      `import { connect, Worker } from 'lovage'
import { double } from './tasks.js'
for (const pool of ['inline', 'threads']) {
  const broker = await connect('sqlite:./lovage.db')
  const worker = new Worker({ broker, tasks: [double], pool, files: [new URL('./tasks.js', import.meta.url).href] })
  await worker.start()
  console.log(pool, await (await broker.send(double, 21)).result())
  await worker.stop()
  await broker.close()
}
`,
    )
    expect(run(['main.js'])).toBe('inline 42\nthreads 42\n')
  })

  it('bring the command, which runs a file of tasks', () => {
    const lovage = join(app, 'node_modules/.bin/lovage')
    expect(run([lovage, '--version'])).toBe('0.1.0\n')
    expect(run([lovage, 'send', 'double', '21', '--tasks', 'tasks.js', '--id', 'mine', '-b', 'sqlite:./own.db'])).toBe('mine\n')
    expect(run([lovage, 'result', 'mine', '-b', 'sqlite:./own.db'])).toBe('pending\n')
  })
})
