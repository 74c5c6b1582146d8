/** The check of inputs by one schema that came from outside: it costs the gateway a bounded time, whatever the schema says. */
import { failureFrom, type Json, type Logger } from '@lovage/core'
import { type SchemaCheck, schemaCheck } from '../validation/schema-check.ts'
import { accepted, type Decoded } from '../wire/reader.ts'
import { computedWithin } from './watchdog.ts'

/** Longer than this takes no schema that was made for checking. */
const longestMs = 200
/** So often may a schema take longer before it is asked no more: a busy machine can do that to a good one, too. */
const mostOverruns = 3
/** Keywords with which the work grows faster than schema and value together. */
const steep = /"(?:pattern|patternProperties|format|\$ref|\$recursiveRef|uniqueItems)":/
/** Characters of the schema times characters of the value: less is done in milliseconds, and needs no watchdog. */
const cheap = 1_000_000

export class InputCheck {
  readonly #check: SchemaCheck
  readonly #logger: Logger
  /** Characters of the schema, or infinitely many if it is steep. */
  readonly #weight: number
  #overruns = 0
  #isSetAside = false

  private constructor(check: SchemaCheck, text: string, logger: Logger) {
    this.#check = check
    this.#logger = logger
    this.#weight = steep.test(text) ? Number.POSITIVE_INFINITY : text.length
  }

  /** Reads a schema, or says why it cannot be used. */
  static of(schema: unknown, text: string, logger: Logger): Decoded<InputCheck> {
    const check = schemaCheck(schema)
    return check.ok ? accepted(new InputCheck(check.frame, text, logger)) : check
  }

  /**
   * Says what is wrong with an input; undefined when nothing is, and when the schema cannot tell: then the worker's own check is the
   * only one.
   * @param characters of the input as JSON
   */
  problem(input: Json, characters: number): string | undefined {
    if (this.#isSetAside) return undefined
    try {
      const compute = () => this.#check(input, 'input')
      if (this.#weight * characters <= cheap) return compute()
      const computed = computedWithin(longestMs, compute)
      if (computed.ok) return computed.frame
      this.#overruns++
      this.#setAside(computed.reason, this.#overruns === mostOverruns)
    } catch (thrown) {
      this.#setAside(failureFrom(thrown).message, true)
    }
    return undefined
  }

  #setAside(reason: string, forGood: boolean): void {
    this.#isSetAside = forGood
    const rest = forGood ? 'it is asked no more' : 'the input goes on without'
    this.#logger.warn({ reason }, `the check of an input by its JSON Schema failed; ${rest}`)
  }
}
