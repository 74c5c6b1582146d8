/** Answers as the OpenAPI document states them. */
import { z } from '@hono/zod-openapi'

/** A JSON body. */
export function json<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { 'application/json': { schema } } }
}

/** The parameter in `/{id}`. */
export const idParam = z.object({
  id: z
    .string()
    .min(1)
    .openapi({ param: { name: 'id', in: 'path' }, example: 'invoice-7' }),
})

/** The parameter in `/{name}`. */
export const nameParam = z.object({
  name: z
    .string()
    .min(1)
    .openapi({ param: { name: 'name', in: 'path' } }),
})

/** A list in a query: repeated, or with commas. */
export function listOf(values: string | readonly string[] | undefined): string[] | undefined {
  if (values === undefined) return undefined
  const list = (typeof values === 'string' ? [values] : values).flatMap((value) => value.split(',')).map((value) => value.trim())
  return list.filter((value) => value !== '')
}

/** The schema of such a list. */
export const listQuery = z.union([z.string(), z.array(z.string())]).optional()
