/**
 * Which process a holder lives in, so that its death can be proven when its socket is missing.
 *
 * A mark is good where process ids mean the same: for one boot of one kernel and one pid namespace, which its first part
 * stands for. Anywhere else, and where anything about a process cannot be read, it proves nothing.
 */
import { createHash } from 'node:crypto'
import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'

const markPattern = /^([0-9a-f]{8})-([0-9a-z]+)-([0-9a-z]*)$/

let own: Promise<string | undefined> | undefined

/** The mark of this process; undefined where none would be sound. */
export function ownMark(): Promise<string | undefined> {
  own ??= place().then(async (where) => {
    const start = (await statOf(process.pid))?.start
    return where === undefined ? undefined : `${where}-${process.pid.toString(36)}-${start?.toString(36) ?? ''}`
  })
  return own
}

/** Whether the process of a mark has ended, for certain. */
export async function isProvenDead(mark: string): Promise<boolean> {
  const [, where, pidText = '', startText = ''] = markPattern.exec(mark) ?? []
  if (where === undefined || !(await ownMark())?.startsWith(`${where}-`)) return false
  const pid = Number.parseInt(pidText, 36)
  if (!isTaken(pid)) return true
  const facts = startText === '' ? undefined : await statOf(pid)
  // The id may have been given to another process since, and a zombie has one until its parent has looked.
  return facts !== undefined && (facts.start !== Number.parseInt(startText, 36) || facts.isEnded)
}

async function place(): Promise<string | undefined> {
  if (process.platform !== 'linux') return digest(`${process.platform} ${hostname()}`)
  try {
    // Where /proc is that of other namespaces, its numbers are of other processes.
    if ((await readlink('/proc/self')) !== String(process.pid)) return undefined
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8')
    const pids = await readlink('/proc/self/ns/pid')
    // Start times are told in the time of the reader's namespace; older kernels have none.
    const times = await readlink('/proc/self/ns/time').catch(() => '')
    return digest(`${boot} ${pids} ${times}`)
  } catch {
    return undefined
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}

function isTaken(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** Start time in ticks since the boot, from Linux; undefined where it cannot be read. */
async function statOf(pid: number): Promise<{ readonly start: number; readonly isEnded: boolean } | undefined> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The second field is the command in parentheses, which may have spaces and parentheses of its own.
  const fields = line?.slice(line.lastIndexOf(')') + 2).split(' ')
  if (fields === undefined) return undefined
  const [state = '', start] = [fields[0], Number(fields[19])]
  return Number.isSafeInteger(start) ? { start, isEnded: state === 'Z' || state === 'X' } : undefined
}
