/**
 * `node scripts/pack.ts [FOLDER]`: builds, and packs each package as it would be published into dist-packages/*.tgz.
 *
 * In the repository `exports` point to the sources, so that nothing needs a build; in a package they point to dist.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { type House, openHouse, type Room } from './check/house.ts'

const root = resolve(import.meta.dirname, '..')

/** Builds the house and packs it, in place of what was packed there before. Answers the tarballs. */
export function packAll(out: string): readonly string[] {
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b'], { cwd: root, stdio: 'inherit' })
  mkdirSync(out, { recursive: true })
  for (const old of globSync('lovage-*.tgz', { cwd: out })) rmSync(join(out, old))
  const copies = mkdtempSync(join(tmpdir(), 'lovage-copies-'))
  try {
    const house = openHouse(root)
    const folders = house.rooms.filter(({ manifest }) => manifest.private !== true).map((room) => copy(house, room, copies))
    const args = ['pack', '--json', '--pack-destination', out, ...folders]
    execFileSync('npm', args, { cwd: root, stdio: 'pipe' })
    return globSync('lovage-*.tgz', { cwd: out })
      .map((name) => join(out, name))
      .sort()
  } finally {
    rmSync(copies, { recursive: true, force: true })
  }
}

function copy(house: House, room: Room, out: string): string {
  const from = join(house.root, room.dir)
  const to = join(out, room.manifest.name.replace('/', '-').replace('@', ''))
  mkdirSync(to, { recursive: true })
  for (const part of ['dist', 'bin']) {
    if (existsSync(join(from, part))) cpSync(join(from, part), join(to, part), { recursive: true, filter: isPublished })
  }
  copyFileSync(join(from, 'README.md'), join(to, 'README.md'))
  copyFileSync(join(house.root, 'LICENSE'), join(to, 'LICENSE'))
  writeFileSync(join(to, 'package.json'), `${JSON.stringify(publishedManifest(room.manifest), null, 2)}\n`)
  return to
}

/** Source maps would point to sources that are not there; fixtures are for tests. */
function isPublished(path: string): boolean {
  return !path.endsWith('.map') && !path.endsWith('.tsbuildinfo') && basename(path) !== 'fixtures'
}

/** The manifest with its sources replaced by what is built from them. */
export function publishedManifest<Given extends object>(manifest: Given): Given {
  const {
    devDependencies: _,
    exports,
    bin,
    ...rest
  } = manifest as Given & { devDependencies?: object; exports?: unknown; bin?: unknown }
  const files = [...(bin === undefined ? [] : ['bin']), 'dist', 'README.md', 'LICENSE']
  return { ...rest, ...(bin === undefined ? {} : { bin: built(bin) }), exports: built(exports), files } as unknown as Given
}

/** `./src/x.ts` becomes its JavaScript and its types, wherever it stands. */
function built(value: unknown): unknown {
  if (typeof value === 'string') {
    const stem = /^\.\/src\/(.+)\.ts$/.exec(value)?.[1]
    return stem === undefined ? value : { types: `./dist/${stem}.d.ts`, default: `./dist/${stem}.js` }
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, built(inner)]))
}

if (import.meta.main) {
  const out = resolve(process.argv[2] ?? join(root, 'dist-packages'))
  console.log(`${packAll(out).length} packages; in your own project: npm install ${join(out, '*.tgz')}`)
}
