/** Acknowledgements: one of two records, told apart by a field that says yes or no. */
import { accepted, type Decoded, flag, isPlainObject, type Reader, refused } from './reader.ts'

/** Reads what was acknowledged: `{ ok: true, ...yes }` or `{ ok: false, ...no }`. */
export function answer<Yes, No>(yes: Reader<Yes>, no: Reader<No>) {
  return choice('ok', yes, no)
}

/** The same, told apart by a field of another name. */
export function choice<const Field extends string, Yes, No>(field: Field, yes: Reader<Yes>, no: Reader<No>) {
  type Answer = ({ readonly [Name in Field]: true } & Yes) | ({ readonly [Name in Field]: false } & No)
  return (value: unknown): Decoded<Answer> => {
    if (!isPlainObject(value)) return refused('', 'an object', value)
    const said = flag(value[field], field)
    if (!said.ok) return said
    const rest = said.frame ? yes(value, '') : no(value, '')
    return rest.ok ? accepted({ [field]: said.frame, ...rest.frame } as Answer) : rest
  }
}
