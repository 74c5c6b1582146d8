/** Under which names workers and their runs stand in the store. */
import { createHash } from 'node:crypto'

const prefix = 'socketio:'

/**
 * Under what a worker of L1 holds its runs: the same at every gateway. Who knows it cannot tell the instance, which is what a worker
 * shows to take its runs up again.
 */
export function instanceHolder(id: string, instance: string): string {
  return `${prefix}${id} ${createHash('sha256').update(instance).digest('base64url').slice(0, 22)}`
}

/** Under what one connection of a worker of L0 holds its runs. */
export function connectionHolder(id: string, connection: string): string {
  return `${connectionPrefix(id)}${connection}`
}

/** Whether a run belongs to some connection of this worker of L0. */
export function isConnectionHolder(id: string, holder: string | undefined): boolean {
  return holder?.startsWith(connectionPrefix(id)) === true
}

/** An id has no spaces. */
const connectionPrefix = (id: string): string => `${prefix}${id} L0 `

/** The lease that a worker is told: with the id of its task it names the run. */
export const leaseOf = (run: number): string => `run-${run}`

/** The run of a lease; undefined when it is none of ours. */
export function runOf(lease: string): number | undefined {
  const digits = /^run-(\d{1,15})$/.exec(lease)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
