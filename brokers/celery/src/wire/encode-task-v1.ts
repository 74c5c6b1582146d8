/** Writes task messages of version 1 of the protocol, for clusters with `task_protocol = 1`. */
import { encodeContent } from './content.ts'
import { compressed, type EncodedTask, type EncodeTaskOptions, seconds, taskProperties } from './encode-task.ts'
import { writeIsoTime } from './iso-time.ts'
import type { SignatureObject, TaskRequest } from './task-message.ts'

/**
 * Writes a request as Celery 3 and its kin read it. What version 1 has no place for is left out: where a task comes from (root,
 * parent, origin), stamps and the sender's own ignore_result.
 * @throws {TaskError} INPUT_UNSERIALIZABLE
 * @throws {ConfigError} OPTION_INVALID for a compression that cannot be written
 */
export function encodeTaskV1(request: TaskRequest, options: EncodeTaskOptions = {}): EncodedTask {
  const { embed } = request
  const chained = chainedCallbacks(embed.callbacks, embed.chain)
  const body = {
    task: request.task,
    id: request.id,
    args: request.args,
    kwargs: request.kwargs,
    group: request.group ?? null,
    group_index: request.groupIndex ?? null,
    retries: request.retries,
    eta: bareTime(request.etaMs),
    expires: bareTime(request.expiresMs),
    utc: true,
    callbacks: chained ?? null,
    errbacks: embed.errbacks ?? null,
    timelimit: [seconds(request.hardLimitMs), seconds(request.softLimitMs)],
    taskset: request.group ?? null,
    chord: embed.chord ?? null,
  }
  const content = compressed(encodeContent(body, options.serializer), options)
  const { compression } = content
  const headers = compression === undefined ? request.headers : { ...request.headers, compression }
  return { properties: taskProperties(request, content, headers, options), body: content.body }
}

/** Without an offset: `utc` says what it is. */
function bareTime(timeMs: number | undefined): string | null {
  return timeMs === undefined ? null : (writeIsoTime(timeMs)?.replace('+00:00', '') ?? null)
}

/** A chain is a callback that has the next step for its own callback. */
function chainedCallbacks(
  callbacks: readonly SignatureObject[] | undefined,
  chain: readonly SignatureObject[] = [],
): readonly SignatureObject[] | undefined {
  const next = chain.reduce<SignatureObject | undefined>(
    (after, step) => (after === undefined ? step : linked(step, after)),
    undefined,
  )
  return next === undefined ? callbacks : [...(callbacks ?? []), next]
}

function linked(step: SignatureObject, after: SignatureObject): SignatureObject {
  const options = step.options as { readonly link?: SignatureObject | readonly SignatureObject[] } | undefined
  const links = options?.link === undefined || options.link === null ? [] : [options.link].flat()
  return { ...step, options: { ...options, link: [...links, after] } }
}
