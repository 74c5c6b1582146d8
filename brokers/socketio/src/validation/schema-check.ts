/** Checks of values by a JSON Schema that anybody may have written: it is interpreted, never made into code, and nothing is fetched. */
import { dereference, type Schema as ParsedSchema, type SchemaDraft, validate } from '@cfworker/json-schema'
import { failureFrom, type Json, shown } from '@lovage/core'
import { limits } from '../wire/limits.ts'
import { accepted, type Decoded, isPlainObject, type Refused } from '../wire/reader.ts'
import { type Lookup, violation } from './violation.ts'

/** A JSON Schema as an object. */
export type JsonSchema = { readonly [keyword: string]: Json }

/**
 * Says what is wrong with a value, in one line; undefined when nothing is. `at` is what the value is called. Takes as long as the schema
 * makes it take.
 * @throws where a schema makes no sense: endless references, keywords of another type than they have
 */
export type SchemaCheck = (value: Json, at: string) => string | undefined

/** Reads a schema, or says why it cannot be used. Drafts 4, 7, 2019-09 and 2020-12, as `$schema` says; 2020-12 without it. */
export function schemaCheck(schema: unknown): Decoded<SchemaCheck> {
  if (!isPlainObject(schema)) return unusable('an object', schema)
  try {
    const text = JSON.stringify(schema)
    if (text.length > limits.schemaCharacters) {
      return unusable(`at most ${limits.schemaCharacters} characters`, `${text.length} characters`)
    }
    // A copy: the validator notes in a schema where its references lead.
    const root = JSON.parse(text) as ParsedSchema
    const lookup: Lookup = dereference(root)
    const stray = Object.values(lookup).find((part) => leadsAway(part, lookup))
    if (stray !== undefined) return unusable('one that refers to its own parts alone', (stray as ParsedSchema).$ref)
    const draft = draftOf(root)
    return accepted((value, at) => {
      const { valid, errors } = validated(value, root, draft, lookup)
      return valid ? undefined : violation(errors, { root, lookup, value, at })
    })
  } catch (thrown) {
    return unusable('a JSON Schema', failureFrom(thrown).message)
  }
}

function unusable(expected: string, got: unknown): Refused {
  return { ok: false, reason: `expected the schema of the input to be ${expected}, got: ${shown(got)}` }
}

function leadsAway(part: ParsedSchema | boolean, lookup: Lookup): boolean {
  if (typeof part === 'boolean' || part.$ref === undefined) return false
  return part.__absolute_ref__ === undefined || lookup[part.__absolute_ref__] === undefined
}

function draftOf({ $schema }: ParsedSchema): SchemaDraft {
  if (typeof $schema !== 'string') return '2020-12'
  if ($schema.includes('draft-04')) return '4'
  if ($schema.includes('draft-06') || $schema.includes('draft-07')) return '7'
  return $schema.includes('2019-09') ? '2019-09' : '2020-12'
}

/** The library writes the names of properties into pointers, which those that are no Unicode have no place in. */
function validated(value: Json, root: ParsedSchema, draft: SchemaDraft, lookup: Lookup): ReturnType<typeof validate> {
  try {
    return validate(value, root, draft, lookup, true)
  } catch (thrown) {
    if (!(thrown instanceof URIError)) throw thrown
    return { valid: false, errors: [] }
  }
}
