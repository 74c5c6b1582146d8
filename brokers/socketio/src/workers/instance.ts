/** The id of one start of a worker. Who knows it can take up what the worker runs. */

/** Makes one of 128 random bits. `crypto.randomUUID` is not there in a page that came without TLS. */
export function newInstance(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
