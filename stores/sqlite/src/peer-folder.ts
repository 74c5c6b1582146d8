/**
 * The folder beside the file in which the processes that have it open find each other: `<file>-peers/`.
 *
 * Each peer has one entry there, named by its id. `<id>.sock` is its socket. Where a socket cannot be (the path is longer
 * than the system takes, the file system knows no sockets, Windows), `<id>.at` is a text file with the socket's address.
 * What refuses connections becomes `<id>.gone`: it goes on proving that the peer is dead, for a day.
 *
 * The folder stays when the last one leaves: removed, it would be missing under the next one who is just entering.
 */
import { watch } from 'node:fs'
import { chmod, lstat, mkdir, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { connect, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { StoreError } from '@lovage/core'
import { peerIdPattern } from './peer-protocol.ts'

/** The system's limit is 104 (macOS) or 108 bytes with the closing zero; the rest is for the temporary name. */
const addressLimit = 98

/** How long the folder must be quiet until it is looked at. */
const quietMs = 100

/** For how long a proof of death is kept; leases end much sooner. */
const proofMs = 24 * 3_600_000

/** How long a process may take from listening to showing its entry; it takes a moment, unless it is frozen meanwhile. */
const enteringMs = 3_600_000

/** `gone`: nobody listens there any more, for certain. `missing`: it has no entry. `doubt`: this process cannot tell. */
export type Dialled = Socket | 'gone' | 'missing' | 'doubt'

export interface PeerFolder {
  /** Starts listening and only then lets others see the entry, so that whoever sees it can connect. */
  enter(server: Server, id: string): Promise<void>
  /** Removes the entry; with `proves` it stays, so that others find that nobody listens there any more. */
  leave(id: string, proves: boolean): Promise<void>
  /** Whether somebody deleted the entry, but not the database. */
  isHidden(id: string): Promise<boolean>
  /** Calls back soon after entries come or go, as far as the system tells; until the answer is called. */
  watch(onChange: () => void): () => void
  /** The ids of all peers that have an entry, dead ones included. Clears away old proofs and what crashes left behind. */
  list(): Promise<readonly string[]>
  /** Connects to a peer; one that is gone loses its entry and leaves a proof. */
  dial(id: string): Promise<Dialled>
}

/** Names the folder of a database file, which must exist. */
export async function peerFolder(file: string): Promise<PeerFolder> {
  const real = await realpath(file)
  const folder = `${real}-peers`
  const socketAt = (id: string): string => join(folder, `${id}.sock`)
  const markerAt = (id: string): string => join(folder, `${id}.at`)
  const proofAt = (id: string): string => join(folder, `${id}.gone`)

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
    const address = process.platform === 'win32' ? `\\\\.\\pipe\\lovage-${id}` : join(await privateFolder(), `${id}.sock`)
    away = address
    await listen(server, address)
    await writeFile(`${markerAt(id)}.new`, address, { mode: 0o600 })
    await rename(`${markerAt(id)}.new`, markerAt(id))
  }

  const buried = async (id: string, entry: string): Promise<Dialled> => {
    await rename(entry, proofAt(id)).catch(() => {})
    return 'gone'
  }

  const dialMarker = async (id: string): Promise<Dialled> => {
    const address = await readFile(markerAt(id), 'utf8').catch((error: unknown) => (isMissing(error) ? 'missing' : 'doubt'))
    if (address === 'missing') return (await exists(proofAt(id))) ? 'gone' : 'missing'
    // Whatever else a file of that name may say, it is not to be connected to.
    if (!address.startsWith('\\\\.\\pipe\\lovage-') && !isAbsolute(address)) return 'doubt'
    const answer = await reach(address)
    // A missing socket says little where temporary folders are not shared, as between containers.
    if (answer === 'missing') return process.platform === 'win32' ? buried(id, markerAt(id)) : 'doubt'
    if (answer !== 'gone') return answer
    await remove(address)
    return buried(id, markerAt(id))
  }

  return {
    async enter(server, id) {
      try {
        await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
          if (codeOf(error) !== 'EEXIST') throw error
        })
        if (!(await enterHere(server, id))) await enterElsewhere(server, id)
      } catch (error) {
        const message = `expected to open a socket for other processes in ${folder}, got: ${String(error)}`
        throw new StoreError('STORE_UNAVAILABLE', message, { cause: error, subject: folder })
      }
    },
    async leave(id, proves) {
      if (!proves) await Promise.all([socketAt(id), markerAt(id), ...(away === undefined ? [] : [away])].map(remove))
    },
    isHidden: async (id) => !(await exists(socketAt(id))) && !(await exists(markerAt(id))) && (await exists(real)),
    watch: (onChange) => watchSoon(folder, onChange),
    list: () => idsIn(folder),
    async dial(id) {
      if (!fits(socketAt(id))) return dialMarker(id)
      const answer = await reach(socketAt(id))
      if (answer === 'missing') return dialMarker(id)
      return answer === 'gone' ? buried(id, socketAt(id)) : answer
    },
  }
}

async function idsIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => [])
  return names.flatMap((name) => {
    const [id = '', ending] = name.split('.')
    if (!peerIdPattern.test(id)) return []
    if (name.endsWith('.new')) void forgetOld(join(folder, name), enteringMs)
    if (name.split('.').length !== 2) return []
    if (ending === 'gone') void forgetOld(join(folder, name), proofMs)
    return ending === 'sock' || ending === 'at' ? [id] : []
  })
}

/** Who deletes a folder deletes many files: only once it has been quiet for a moment there is something to see. */
function watchSoon(folder: string, onChange: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  try {
    const watcher = watch(folder, { persistent: false }, () => {
      clearTimeout(timer)
      timer = setTimeout(onChange, quietMs).unref()
    })
    watcher.on('error', () => watcher.close())
    return () => {
      clearTimeout(timer)
      watcher.close()
    }
  } catch {
    // The system may have no more watches to give.
    return () => {}
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

function reach(address: string): Promise<Dialled> {
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
async function privateFolder(): Promise<string> {
  const user = process.getuid?.() ?? 0
  const folder = join(tmpdir(), `lovage-${user}`)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const facts = await lstat(folder)
  if (!facts.isDirectory() || facts.uid !== user) {
    throw new StoreError('STORE_UNAVAILABLE', `expected ${folder} to be a folder of user ${user}, got: one of user ${facts.uid}`)
  }
  await chmod(folder, 0o700)
  return folder
}

async function forgetOld(entry: string, ageMs: number): Promise<void> {
  const facts = await lstat(entry).catch(() => undefined)
  if (facts !== undefined && Date.now() - facts.ctimeMs > ageMs) await remove(entry)
}

function remove(path: string): Promise<void> {
  return rm(path, { force: true }).catch(() => {})
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined
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
