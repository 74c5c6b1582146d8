/** Programs of this machine: where they stand, and how missing ones come to it. */
import { execFileSync } from 'node:child_process'
import { accessSync, constants, globSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Folders in which a program stands beside those of the search path; patterns, the best match last. */
export interface Wanted {
  readonly program: string
  readonly folders?: readonly string[]
  readonly debianPackage: string
}

/** Gives the folder of a program; on Debian as root it is installed when missing. Undefined where it cannot be had. */
export function folderOf(wanted: Wanted): string | undefined {
  const found = search(wanted)
  if (found !== undefined || !install(wanted.debianPackage)) return found
  return search(wanted)
}

/** Gives the folder of a program that is there already. */
export function search({ program, folders = [] }: Omit<Wanted, 'debianPackage'>): string | undefined {
  const known = folders.flatMap((pattern) => globSync(pattern).sort(byNumbers).reverse())
  // biome-ignore lint/style/noProcessEnv: the search path is where a machine says what it has
  const path = (process.env.PATH ?? '').split(delimiter)
  return [...known, ...path].find((folder) => folder !== '' && isExecutable(join(folder, program)))
}

function byNumbers(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Installs packages on Debian as root; answers whether they are there now. */
export function install(...debianPackages: readonly string[]): boolean {
  if (process.getuid?.() !== 0) return false
  const run = (...args: string[]) =>
    // A second run that installs at the same time holds the lock for a while.
    execFileSync('apt-get', ['-o', 'DPkg::Lock::Timeout=120', '-q', '-y', ...args], {
      stdio: 'ignore',
      // biome-ignore lint/style/noProcessEnv: the child sees what this process sees
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
  try {
    run('update')
    run('install', '--no-install-recommends', ...debianPackages)
    return true
  } catch {
    return false
  }
}
