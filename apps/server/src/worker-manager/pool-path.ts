/** Paths with a worker pool in them: its slash comes encoded from official clients, and raw from whoever types the address. */

const base = '/api/worker-manager/v1/'
/** What may follow a pool that is one part: how many parts, and words of which none is a pool's second half. */
const folders: Readonly<Record<string, { readonly most: number; readonly words: readonly string[] }>> = {
  'worker-pool': { most: 0, words: ['stats', 'launch-configs'] },
  'worker-pool-errors': { most: 0, words: [] },
  workers: { most: 2, words: ['should-terminate'] },
}

/**
 * The path by which a request is routed: a pool with a raw slash becomes one part. Where a path may mean both, as
 * `/workers/a/b` does, it is the one of official clients.
 */
export function withPoolAsOnePart(path: string): string {
  if (!path.startsWith(base)) return path
  const [folder = '', pool = '', ...rest] = path.slice(base.length).split('/')
  const shape = folders[folder]
  if (shape === undefined || /%2f/i.test(pool)) return path
  const named = shape.words.includes(rest.at(-1) ?? '') ? rest.slice(0, -1) : rest
  if (named.length <= shape.most) return path
  return `${base}${folder}/${pool}%2F${rest.join('/')}`
}
