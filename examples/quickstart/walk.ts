/** Walks a folder: every regular file once, in a stable order. */
import { readdir, stat } from 'node:fs/promises'
import { join, relative, resolve, sep } from 'node:path'

/** A file as it was when the folder was walked. */
export interface FoundFile {
  /** Relative to the folder, with `/`. */
  readonly path: string
  readonly bytes: number
  /** Epoch milliseconds. */
  readonly modifiedAt: number
}

export interface WalkOptions {
  /** Absolute paths that are left out with all they hold. */
  readonly skip?: readonly string[]
  /** Stop after so many files. */
  readonly limit?: number
}

export interface Walk {
  readonly files: readonly FoundFile[]
  /** Folders that could not be read. */
  readonly unreadable: readonly string[]
  /** There are more files than the limit. */
  readonly cut: boolean
}

/** What is never of interest: other people's code and git's own store. */
const skippedNames = new Set(['node_modules', '.git'])

/** Walks a folder, depth first by name. Links are not followed; what vanishes on the way is left out. */
export async function walk(folder: string, options: WalkOptions = {}): Promise<Walk> {
  const { limit = Number.POSITIVE_INFINITY } = options
  const skip = new Set(options.skip?.map((path) => resolve(path)))
  const files: FoundFile[] = []
  const unreadable: string[] = []
  const todo = [resolve(folder)]
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    if (files.length >= limit) return { files, unreadable, cut: true }
    const found = await look(path)
    if (found === 'unreadable') unreadable.push(inside(folder, path))
    else if (Array.isArray(found)) todo.push(...found.filter((child) => !skip.has(child)))
    else if (found !== undefined) files.push({ path: inside(folder, path), ...found })
  }
  return { files, unreadable, cut: false }
}

/** A folder's children (last name first), a file's facts, or undefined for anything else. */
async function look(path: string): Promise<string[] | Omit<FoundFile, 'path'> | 'unreadable' | undefined> {
  try {
    const entries = await readdir(path, { withFileTypes: true })
    const kept = entries.filter((entry) => (entry.isFile() || entry.isDirectory()) && !skippedNames.has(entry.name))
    const names = kept.map(({ name }) => name).sort()
    return names.reverse().map((name) => join(path, name))
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    if (code !== 'ENOTDIR') return 'unreadable'
  }
  const facts = await stat(path).catch(() => undefined)
  return facts?.isFile() === true ? { bytes: facts.size, modifiedAt: Math.floor(facts.mtimeMs) } : undefined
}

function inside(folder: string, path: string): string {
  return relative(resolve(folder), path).split(sep).join('/') || '.'
}
