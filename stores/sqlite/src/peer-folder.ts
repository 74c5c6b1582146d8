/**
 * The folder beside the file in which the processes that have it open find each other: `<file>-peers/`.
 *
 * Each peer has one entry there, named by its id. `<id>.sock` is its socket. Where a socket cannot be (the path is longer
 * than the system takes, the file system knows no sockets, Windows), `<id>.at` is a text file with the socket's address.
 */
import { createHash } from 'node:crypto'
import { chmod, lstat, mkdir, readdir, readFile, realpath, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { connect, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { StoreError } from '@lovage/core'
import { peerIdPattern } from './peer-protocol.ts'

/** The system's limit is 104 (macOS) or 108 bytes with the closing zero; the rest is for the temporary name. */
const addressLimit = 98

/** `gone`: nobody listens there any more, for certain. `doubt`: this process cannot tell. */
export type Dialled = Socket | 'gone' | 'doubt'

export interface PeerFolder {
  /** Starts listening and only then lets others see the entry, so that whoever sees it can connect. */
  enter(server: Server, id: string): Promise<void>
  leave(id: string): Promise<void>
  /** The ids of all peers that have an entry, dead ones included. */
  list(): Promise<readonly string[]>
  /** Connects to a peer, and tidies up after one that is gone. */
  dial(id: string): Promise<Dialled>
}

/** Names the folder of a database file, which must exist. */
export async function peerFolder(file: string): Promise<PeerFolder> {
  const real = await realpath(file)
  const folder = `${real}-peers`
  const socketAt = (id: string): string => join(folder, `${id}.sock`)
  const markerAt = (id: string): string => join(folder, `${id}.at`)

  /** Where this process listens, if not in the folder. */
  let away: string | undefined

  const enterHere = async (server: Server, id: string): Promise<boolean> => {
    if (!fits(socketAt(id))) return false
    const early = join(folder, `${id}.new`)
    try {
      await listen(server, early)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') throw error
      return false
    }
    await rename(early, socketAt(id))
    return true
  }

  const enterElsewhere = async (server: Server, id: string): Promise<void> => {
    const address = process.platform === 'win32' ? `\\\\.\\pipe\\lovage-${id}` : join(await privateFolder(real), `${id}.sock`)
    away = address
    await listen(server, address)
    await writeFile(`${markerAt(id)}.new`, address, { mode: 0o600 })
    await rename(`${markerAt(id)}.new`, markerAt(id))
  }

  const dialMarker = async (id: string): Promise<Dialled> => {
    const address = await readFile(markerAt(id), 'utf8').catch((error: unknown) => (isMissing(error) ? 'gone' : 'doubt'))
    if (address === 'gone' || address === 'doubt') return address
    // Whatever else a file of that name may say, it is not to be connected to.
    if (!address.startsWith('\\\\.\\pipe\\lovage-') && !isAbsolute(address)) return 'doubt'
    const answer = await reach(address)
    // A missing socket says little where temporary folders are not shared, as between containers.
    if (answer === 'missing') return process.platform === 'win32' ? tidy('gone', [markerAt(id)]) : 'doubt'
    if (answer !== 'gone') return answer
    await tidy('gone', [markerAt(id), address])
    await rmdir(dirname(address)).catch(() => {})
    return 'gone'
  }

  return {
    async enter(server, id) {
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 })
        if (!(await enterHere(server, id))) await enterElsewhere(server, id)
      } catch (error) {
        const message = `expected to open a socket for other processes in ${folder}, got: ${String(error)}`
        throw new StoreError('STORE_UNAVAILABLE', message, { cause: error, subject: folder })
      }
    },
    async leave(id) {
      await tidy('gone', [socketAt(id), markerAt(id), ...(away === undefined ? [] : [away])])
      // The last one out takes the folders along; they are not empty while there are others.
      await rmdir(folder).catch(() => {})
      if (away !== undefined) await rmdir(dirname(away)).catch(() => {})
    },
    async list() {
      const names = await readdir(folder).catch(() => [])
      return names.flatMap((name) => {
        const [id = '', ending] = name.split('.')
        return peerIdPattern.test(id) && (ending === 'sock' || ending === 'at') && name.split('.').length === 2 ? [id] : []
      })
    },
    async dial(id) {
      if (!fits(socketAt(id))) return dialMarker(id)
      const answer = await reach(socketAt(id))
      if (answer === 'missing') return dialMarker(id)
      return answer === 'gone' ? tidy('gone', [socketAt(id)]) : answer
    },
  }
}

function listen(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(address, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function reach(address: string): Promise<Dialled | 'missing'> {
  return new Promise((resolve) => {
    const socket = connect({ path: address })
    const failed = (error: Error): void => {
      const code = codeOf(error)
      resolve(code === 'ECONNREFUSED' ? 'gone' : code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'doubt')
    }
    socket.once('error', failed)
    socket.once('connect', () => {
      socket.off('error', failed)
      resolve(socket)
    })
  })
}

/** A folder that only this user can enter: in a shared temporary folder somebody else may have made it first. */
async function privateFolder(real: string): Promise<string> {
  const user = process.getuid?.() ?? 0
  const folder = join(tmpdir(), `lovage-${user}-${createHash('sha256').update(real).digest('hex').slice(0, 16)}`)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const facts = await lstat(folder)
  if (!facts.isDirectory() || facts.uid !== user) {
    throw new StoreError('STORE_UNAVAILABLE', `expected ${folder} to be a folder of user ${user}, got: one of user ${facts.uid}`)
  }
  await chmod(folder, 0o700)
  return folder
}

async function tidy<Answer>(answer: Answer, paths: readonly string[]): Promise<Answer> {
  await Promise.all(paths.map((path) => rm(path, { force: true }).catch(() => {})))
  return answer
}

function fits(address: string): boolean {
  return process.platform !== 'win32' && Buffer.byteLength(address) <= addressLimit
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR'
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
