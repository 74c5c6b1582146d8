/** What the checks look at: the files of the repository and its rooms (the npm workspaces). */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'

/** The parts of a package.json that the checks read. */
export interface Manifest {
  readonly name: string
  readonly version: string
  /** Not published. */
  readonly private?: boolean
  readonly exports?: string | Readonly<Record<string, unknown>>
  readonly bin?: string | Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly workspaces?: readonly string[]
}

/** One package of the house. */
export interface Room {
  /** The folder, relative to the root, with `/`. */
  readonly dir: string
  readonly manifest: Manifest
}

export interface House {
  readonly root: string
  /** Every file that git knows or would add, relative to the root, sorted. */
  readonly files: readonly string[]
  readonly rooms: readonly Room[]
}

/** Something that does not hold, and where. */
export interface Finding {
  /** `file` or `file:line`, relative to the root. */
  readonly where: string
  /** What was expected, what is there, what to do. */
  readonly what: string
}

/** Reads the house from disk. */
export function openHouse(root: string): House {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  const files = [...new Set(listed.split('\0'))].filter((file) => file !== '' && existsSync(join(root, file))).sort()
  return { root, files, rooms: roomsOf(root) }
}

function roomsOf(root: string): Room[] {
  const { workspaces = [] } = readManifest(join(root, 'package.json'))
  const dirs = workspaces.flatMap((pattern) => globSync(`${pattern}/package.json`, { cwd: root }))
  return dirs
    .map((file) => ({ dir: file.split(sep).slice(0, -1).join('/'), manifest: readManifest(join(root, file)) }))
    .sort((a, b) => a.dir.localeCompare(b.dir))
}

function readManifest(file: string): Manifest {
  return JSON.parse(readFileSync(file, 'utf8')) as Manifest
}

/** The text of a file of the house. */
export function textOf(house: House, file: string): string {
  return readFileSync(join(house.root, file), 'utf8')
}

/** The TypeScript files of the house. */
export function sourcesOf(house: House): readonly string[] {
  return house.files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
}

/** The room that a file stands in; undefined for what belongs to the house as a whole. */
export function roomOf(house: House, file: string): Room | undefined {
  return house.rooms.find((room) => file.startsWith(`${room.dir}/`))
}

/** Tells whether a file is a test, or a fixture of one; neither is published. */
export function isTest(file: string): boolean {
  return /\.test\.ts$|\/fixtures\//.test(file)
}

/** The line, from 1, on which an offset of a text lies. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

/** A path relative to the root, with `/`. */
export function inHouse(house: House, path: string): string {
  return relative(house.root, path).split(sep).join('/')
}
