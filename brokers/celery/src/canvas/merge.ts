/** What a signature becomes when it is applied with arguments and options (celery.md 10). */
import { isSaid, type Signature, type SignatureOptions } from './signature.ts'

/** What a signature is applied with. */
export interface Given {
  readonly args?: readonly unknown[] | undefined
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined
  /** Undefined and null say nothing. */
  readonly options?: SignatureOptions | undefined
}

/** Given arguments come first, given kwargs and options win. */
export function merged<Kind extends Signature>(signature: Kind, given: Given): Kind {
  const options = mergedOptions(signature.options, given.options)
  if (signature.immutable) return { ...signature, options }
  const args = mergedArgs(signature, given)
  const kwargs = given.kwargs === undefined ? signature.kwargs : { ...signature.kwargs, ...given.kwargs }
  return { ...signature, args, kwargs, options }
}

/** Given arguments in front of the own ones; an immutable signature keeps to its own. */
export function mergedArgs(signature: Signature, { args = [] }: Given): readonly unknown[] {
  return signature.immutable || args.length === 0 ? signature.args : [...args, ...signature.args]
}

/** Given options win, except over the group and the stamps that are there: others count on them. */
export function mergedOptions(own: SignatureOptions, given: SignatureOptions = {}): SignatureOptions {
  const kept = new Set(['group_id', 'stamped_headers', ...stampNames(own)])
  const wins = ([name, value]: [string, unknown]) => isSaid(value) && !(kept.has(name) && isSaid(own[name]))
  const said = Object.entries(own).filter(([, value]) => isSaid(value))
  return Object.fromEntries([...said, ...Object.entries(given).filter(wins)])
}

/** The names of the stamps that options carry. */
export function stampNames(options: SignatureOptions): readonly string[] {
  const names = options.stamped_headers
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : []
}
