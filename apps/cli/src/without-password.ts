/** Keeps passwords out of what commands print. */

/** A URL without its user and password. */
export function withoutPassword(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//')
}
