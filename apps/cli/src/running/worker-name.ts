/** The name of a worker as a person gives it. */
import { hostname } from 'node:os'

/** `%h` is the host; a bare name gets the host behind an @; none at all is `worker@%h`. */
export function workerName(given: string | undefined, host: string = hostname()): string {
  const name = (given ?? 'worker').replaceAll('%h', host)
  return name.includes('@') ? name : `${name}@${host}`
}
