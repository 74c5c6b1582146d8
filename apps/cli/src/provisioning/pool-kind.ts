/** Where handlers of a worker run. */
export const poolKinds = ['inline', 'threads', 'processes'] as const
export type PoolKind = (typeof poolKinds)[number]
