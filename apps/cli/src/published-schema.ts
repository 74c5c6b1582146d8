/** Checks an input by the JSON Schema that live workers publish, so that a bad one is refused where it is sent. */
import { type Broker, validate } from '@lovage/core'

/**
 * Does nothing when no live worker publishes a schema for the task, or one that cannot be read: the run validates anyway.
 * @throws {TaskError} INPUT_INVALID
 */
export async function checkByPublishedSchema(broker: Pick<Broker, 'admin'>, task: string, input: unknown): Promise<void> {
  const published = await publishedSchema(broker, task)
  if (published === undefined) return
  const { fromJSONSchema } = await import('zod')
  let schema: ReturnType<typeof fromJSONSchema>
  try {
    schema = fromJSONSchema(published as Parameters<typeof fromJSONSchema>[0])
  } catch {
    return
  }
  await validate(schema, input, { code: 'INPUT_INVALID', task })
}

async function publishedSchema(broker: Pick<Broker, 'admin'>, task: string): Promise<unknown> {
  const workers = (await broker.admin?.workers()) ?? []
  const schemas = workers.flatMap((worker) => worker.tasks.filter((one) => one.name === task).map((one) => one.schema))
  const [first] = schemas
  // Workers of two releases may disagree; then only the run can tell.
  return schemas.every((schema) => schema !== undefined && JSON.stringify(schema) === JSON.stringify(first)) ? first : undefined
}
