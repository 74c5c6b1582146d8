/** What a run that did not succeed is called in Celery. */
import type { DeliveredMessage, Failure } from '@lovage/core'
import { celeryExceptions, exceptionFrom, exceptionRepr, type PythonException } from '../wire/python-exception.ts'
import { tracebackOf } from '../wire/python-traceback.ts'

export interface RunException {
  /** As a record has it. */
  readonly wire: PythonException
  readonly traceback?: string | undefined
}

/** @param reason of the outcome: `timeout` says that the hard limit ended it, `child-died` that its thread or process did */
export function runException(failure: Failure, reason: string | undefined, { timeoutMs }: DeliveredMessage): RunException {
  if (reason === 'timeout' && timeoutMs !== undefined) return { wire: celeryExceptions.timeLimitExceeded(timeoutMs) }
  if (reason === 'child-died') return { wire: celeryExceptions.workerLost(failure.message) }
  const isSoft = failure.name === 'SoftTimeout'
  return { wire: isSoft ? celeryExceptions.softTimeLimitExceeded() : exceptionFrom(failure), traceback: tracebackOf(failure) }
}

export function noRetryLeft({ id, name, args = [], kwargs = {} }: DeliveredMessage): RunException {
  const shown = JSON.stringify([args, kwargs]).slice(0, 200)
  return { wire: celeryExceptions.maxRetriesExceeded(`Can't retry ${name}[${id}] args:${shown}`) }
}

/** As Python shows it in events. */
export function shownException({ wire }: RunException): string {
  return exceptionRepr(wire)
}
