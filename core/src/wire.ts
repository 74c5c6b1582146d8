/** What arrives of a value that travels as JSON, as a type. */

/** A value that arrives as it was sent. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/**
 * What arrives of a value after JSON: what `toJSON` says (a Date is a text), objects without methods, functions, symbols and
 * undefined, which are null elsewhere, Map and Set as empty objects. What JSON refuses is never. `void` stays, for it says
 * nothing of what comes (it is null). A type that arrives as it is stays itself, by its name.
 */
export type Wire<Value> = [Value] extends [Json] ? Value : unknown extends Value ? Value : WireOf<Value>

type Callable = (...args: never) => unknown
/** JSON leaves these out of objects. */
type Omitted = undefined | symbol | Callable
/** What never arrives as it is. */
type Changed =
  | bigint
  | symbol
  | Callable
  | { toJSON(...args: never): unknown }
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | ArrayBufferView

type WireOf<Value> = Value extends Json
  ? Value
  : Value extends undefined
    ? null
    : Value extends bigint | symbol | Callable
      ? never
      : Value extends { toJSON(...args: never): infer Said }
        ? Wire<Said>
        : Value extends ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>
          ? Record<string, never>
          : Value extends ArrayBufferView
            ? Record<string, number>
            : Value extends readonly unknown[]
              ? { [Index in keyof Value]: WirePart<Value[Index], null> }
              : StaysItself<Value, Value, []> extends true
                ? Value
                : {
                    [Name in keyof Value as Name extends symbol ? never : Value[Name] extends Omitted ? never : Name]: WirePart<
                      Value[Name],
                      undefined
                    >
                  }

/** What arrives of an item or a field; `Missing` stands for those values that JSON does not write there. */
type WirePart<Part, Missing> = unknown extends Part
  ? Part
  : Wire<Exclude<Part, Omitted>> | (Extract<Part, Omitted> extends never ? never : Missing)

/**
 * Whether a type arrives as it is. `[Value] extends [Json]` tells it of every type but interfaces, which are looked into here:
 * some levels deep, and not again into the one that the question began with. What goes deeper counts as changed, and is only
 * shown less well.
 */
type StaysItself<Value, Root, Depth extends readonly 0[]> = unknown extends Value
  ? true
  : ObjectsStay<Exclude<Value, Json | undefined>, Root, Depth>

type ObjectsStay<Value, Root, Depth extends readonly 0[]> = [Value] extends [never]
  ? true
  : [Extract<Value, Changed>] extends [never]
    ? Depth['length'] extends 5
      ? false
      : Depth extends [0, ...0[]]
        ? IsSame<Value, Root> extends true
          ? true
          : PartsStay<Value, Root, [...Depth, 0]>
        : PartsStay<Value, Root, [0]>
    : false

type PartsStay<Value, Root, Depth extends readonly 0[]> = Value extends readonly unknown[]
  ? StaysItself<Value[number], Root, Depth>
  : false extends { [Name in keyof Value]-?: Name extends symbol ? false : StaysItself<Value[Name], Root, Depth> }[keyof Value]
    ? false
    : true

type IsSame<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
