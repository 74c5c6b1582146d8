/**
 * Notices that the path names another file than the one that was opened, or none any more.
 *
 * SQLite goes on writing into a file that was deleted under it, and would acknowledge what nobody can ever read.
 */
import { statSync } from 'node:fs'
import { StoreError } from '@lovage/core'

/** One look costs some microseconds; what is written between two looks into a file without a name is lost. */
const everyMs = 250

/**
 * Takes the file as it is now; the answer looks again, now and then, when it is called.
 * @throws {StoreError} STORE_UNAVAILABLE from the answer
 */
export function moveCheck(path: string): () => void {
  const opened = identityOf(path)
  let lookedAt = performance.now()
  return () => {
    if (opened === 'unknown' || performance.now() - lookedAt < everyMs) return
    lookedAt = performance.now()
    const current = identityOf(path)
    if (current === 'unknown' || current === opened) return
    const what =
      current === 'absent'
        ? 'it was deleted or moved while it was in use. Put it back, or start again to begin with a new one'
        : 'another file was put in its place while it was in use. The next call goes on with that one'
    throw new StoreError('STORE_UNAVAILABLE', `expected ${path} to be the file that was opened, but ${what}.`, { subject: path })
  }
}

/** The error of a path that has no file any more when it is opened again. */
export function notThereAnyMore(path: string): StoreError {
  const message = `expected ${path} to be there as it was before, but it was deleted or moved. Put it back, or start again to begin with a new one.`
  return new StoreError('STORE_UNAVAILABLE', message, { subject: path })
}

function identityOf(path: string): string {
  try {
    const { dev, ino } = statSync(path, { bigint: true })
    return `${dev} ${ino}`
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'absent' : 'unknown'
  }
}
