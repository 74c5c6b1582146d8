/** What arrives after JSON, as types, each beside what JSON does with a value. */
import { describe, expect, expectTypeOf, test } from 'vitest'
import type { Wire } from './wire.ts'

interface Line {
  readonly sku: string
  count?: number
  tags: readonly string[]
}
interface Report {
  total: number
  lines: Line[]
  pair: [string, number]
  note: string | undefined
  first: Line | null
  extra: unknown
}
interface Tree {
  value: number
  children: Tree[]
  up?: Tree | null
}
interface DatedTree {
  at: Date
  children: DatedTree[]
}
type Listed = { n: number; more?: Listed[] }

/** Gives what arrives of a value, by the type that says so. */
const arrived = <const Value>(value: Value): Wire<Value> => JSON.parse(JSON.stringify(value) ?? 'null')

describe('a type that arrives as it is stays itself', () => {
  test('of plain JSON', () => {
    expectTypeOf<Wire<string>>().toEqualTypeOf<string>()
    expectTypeOf<Wire<boolean | 5 | null>>().toEqualTypeOf<boolean | 5 | null>()
    expectTypeOf<Wire<string & { brand: 'id' }>>().toEqualTypeOf<string & { brand: 'id' }>()
    expectTypeOf<Wire<readonly [string, number, ...boolean[]]>>().toEqualTypeOf<readonly [string, number, ...boolean[]]>()
    expectTypeOf<Wire<{ a: number; readonly b?: { c: string[] } }>>().toEqualTypeOf<{ a: number; readonly b?: { c: string[] } }>()
    expectTypeOf<Wire<Listed>>().toEqualTypeOf<Listed>()
    expectTypeOf<Wire<Record<string, number>>>().toEqualTypeOf<Record<string, number>>()
  })

  test('of interfaces, recursive ones too', () => {
    expectTypeOf<Wire<Report>>().toEqualTypeOf<Report>()
    expectTypeOf<Wire<Report[]>>().toEqualTypeOf<Report[]>()
    expectTypeOf<Wire<Tree>>().toEqualTypeOf<Tree>()
  })

  test('of what is not known, or nothing', () => {
    expectTypeOf<Wire<unknown>>().toBeUnknown()
    // biome-ignore lint/suspicious/noExplicitAny: it is what is tested
    expectTypeOf<Wire<any>>().toBeAny()
    expectTypeOf<Wire<never>>().toBeNever()
    // biome-ignore lint/suspicious/noExplicitAny: it is what is tested
    expectTypeOf<Wire<{ a: any; b: unknown; c: unknown[] }>>().toEqualTypeOf<{ a: any; b: unknown; c: unknown[] }>()
    expectTypeOf<Wire<void>>().toBeVoid()
  })
})

describe('what JSON changes is typed as it arrives', () => {
  test('dates and whatever says itself', () => {
    const { at, url } = arrived({ at: new Date(0), url: new URL('https://example.org/') })
    expectTypeOf(at).toEqualTypeOf<string>()
    expectTypeOf(url).toEqualTypeOf<string>()
    expect([at, url]).toEqual(['1970-01-01T00:00:00.000Z', 'https://example.org/'])
    expectTypeOf<Wire<Date | undefined>>().toEqualTypeOf<string | null>()
    expectTypeOf<Wire<Buffer>>().toEqualTypeOf<{ type: 'Buffer'; data: number[] }>()
    expectTypeOf<Wire<{ toJSON(): { at: Date } }>>().toEqualTypeOf<{ at: string }>()
  })

  test('undefined: left out of objects, null elsewhere', () => {
    expectTypeOf<Wire<undefined>>().toEqualTypeOf<null>()
    expectTypeOf<Wire<(Date | undefined)[]>>().toEqualTypeOf<(string | null)[]>()
    expectTypeOf<Wire<{ gone: undefined; at: Date; when?: Date; or: Date | undefined }>>().toEqualTypeOf<{
      at: string
      when?: string | undefined
      or: string | undefined
    }>()
    expectTypeOf<Wire<[string, number?]>>().toEqualTypeOf<[string, (number | null)?]>()
    expect(arrived([undefined, 1])).toEqual([null, 1])
  })

  test('functions, symbols and methods', () => {
    class Box {
      size = 2
      made = new Date(0)
      grow(): void {}
    }
    const box = arrived(new Box())
    expectTypeOf(box).toEqualTypeOf<{ size: number; made: string }>()
    expect(box).toEqual({ size: 2, made: '1970-01-01T00:00:00.000Z' })
    expectTypeOf<Wire<() => void>>().toBeNever()
    expectTypeOf<Wire<{ a: symbol; [Symbol.iterator]: 1; b: (() => void) | number }>>().toEqualTypeOf<{ b: number | undefined }>()
    expectTypeOf<Wire<[() => void, 1]>>().toEqualTypeOf<[null, 1]>()
  })

  test('maps, sets, bytes and big integers', () => {
    expectTypeOf<Wire<{ m: Map<string, Date>; s: Set<1> }>>().toEqualTypeOf<{
      m: Record<string, never>
      s: Record<string, never>
    }>()
    expect(arrived({ m: new Map([['a', 1]]) })).toEqual({ m: {} })
    expectTypeOf<Wire<Uint8Array>>().toEqualTypeOf<Record<string, number>>()
    expectTypeOf<Wire<bigint>>().toBeNever()
    expectTypeOf<Wire<string | bigint>>().toEqualTypeOf<string>()
    expectTypeOf<Wire<{ n: bigint }>>().toEqualTypeOf<{ n: never }>()
  })

  test('deep inside, in unions, tuples, records and recursive types', () => {
    expectTypeOf<Wire<{ kind: 'a'; at: Date } | { kind: 'b'; line: Line }>>().toEqualTypeOf<
      { kind: 'a'; at: string } | { kind: 'b'; line: Line }
    >()
    expectTypeOf<Wire<readonly [Date, Report]>>().toEqualTypeOf<readonly [string, Report]>()
    expectTypeOf<Wire<Record<string, Date>>>().toEqualTypeOf<Record<string, string>>()
    expectTypeOf<Wire<{ a: { b: { c: { d: { e: { f: Date } } } } } }>['a']['b']['c']['d']['e']['f']>().toEqualTypeOf<string>()
    const tree = arrived<DatedTree>({ at: new Date(0), children: [{ at: new Date(1), children: [] }] })
    expectTypeOf(tree.children[0]?.children[0]?.at).toEqualTypeOf<string | undefined>()
    expect(tree.children[0]?.at).toBe('1970-01-01T00:00:00.001Z')
  })
})
