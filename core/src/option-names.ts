/** Which options there are: one that is misspelt is refused, never passed over. */
import { ConfigError } from './errors.ts'
import { nearest } from './nearest.ts'
import { shown } from './shown.ts'

/** The names of all options of a place, so that the compiler sees to it that none is missing and none is left over. */
export type OptionNames<Options> = Readonly<Record<keyof Options, unknown>>

/**
 * Refuses what is no object and what has an option that there is not, by its name, with those that there are (where they are few) and
 * the nearest of them. Names are looked up as own properties of `known`; symbols pass.
 * @param place whose options they are, for the message: `send`, `a worker`
 * @throws {ConfigError} OPTION_INVALID
 */
export function checkOptionNames(options: object, known: Readonly<Record<string, unknown>>, place: string): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ConfigError('OPTION_INVALID', `expected the options of ${place} to be an object, got: ${shown(options)}`)
  }
  for (const name of Object.keys(options)) if (!Object.hasOwn(known, name)) throw unknownOption(name, Object.keys(known), place)
}

/** More names than that nobody reads. */
const mostListed = 30

function unknownOption(name: string, known: readonly string[], place: string): ConfigError {
  const near = nearest(name, known)
  const hint = near === undefined ? '' : `; did you mean \`${near}\`?`
  const list = known.length > mostListed ? `there are ${known.length}` : known.join(', ')
  return new ConfigError('OPTION_INVALID', `expected an option of ${place} (${list}), got: ${shown(name)}${hint}`)
}
