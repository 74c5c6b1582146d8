/** What live workers publish of their tasks: which names they know, and by which schema they check an input. */
import { httpPayloadName, nearest, validate, type WorkerInfo } from '@lovage/core'

/** The live workers; undefined where the broker cannot list them. */
export type Published = readonly Pick<WorkerInfo, 'tasks' | 'everyTask'>[] | undefined

/**
 * Checks an input by the published schema, so that a bad one is refused where it is sent. Does nothing without one, when
 * workers disagree (two releases at once), or when it cannot be read: the run validates anyway.
 * @throws {TaskError} INPUT_INVALID
 */
export async function checkByPublishedSchema(published: Published, task: string, input: unknown): Promise<void> {
  const schemas = (published ?? []).flatMap(({ tasks }) => tasks.filter((one) => one.name === task).map((one) => one.schema))
  const [first] = schemas
  if (first === undefined || !schemas.every((schema) => JSON.stringify(schema) === JSON.stringify(first))) return
  const { fromJSONSchema } = await import('zod')
  let schema: ReturnType<typeof fromJSONSchema>
  try {
    schema = fromJSONSchema(first as Parameters<typeof fromJSONSchema>[0])
  } catch {
    return
  }
  await validate(schema, input, { code: 'INPUT_INVALID', task })
}

/**
 * One line for a sender whose task nobody can run now; undefined when someone can, or when nobody knows: workers over HTTP publish
 * nothing.
 * @param pools the names of worker pools, which may start a worker
 */
export function nobodyKnows(published: Published, task: string, pools: readonly string[] = []): string | undefined {
  if (task === httpPayloadName) return undefined
  const knows = ({ tasks, everyTask }: NonNullable<Published>[number]) =>
    everyTask === true || tasks.some((one) => one.name === task)
  if (published === undefined || published.some(knows)) return undefined
  if (published.length === 0 && pools.length > 0) {
    return `no worker is there yet, so ${task} waits until the pool ${pools.join(' or ')} starts one; \`lovage pool list\` shows whether it does`
  }
  if (published.length === 0) return `no worker is there, so ${task} waits; start one with \`lovage worker FILE\``
  const close = nearest(task, new Set(published.flatMap(({ tasks }) => tasks.map((one) => one.name))))
  return `no live worker knows ${task}, so it waits until one does${close === undefined ? '' : `; did you mean ${close}?`}`
}
