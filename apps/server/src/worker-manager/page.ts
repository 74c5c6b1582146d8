/** Pages of a list: `limit` of it, and a token where there is more. */

export interface PageQuery {
  readonly limit?: number | undefined
  readonly continuationToken?: string | undefined
}

export function pageOf<T>(list: readonly T[], { limit = 1000, continuationToken = '0' }: PageQuery) {
  const start = Number(continuationToken)
  const end = start + limit
  return { items: list.slice(start, end), ...(end < list.length ? { continuationToken: String(end) } : {}) }
}
