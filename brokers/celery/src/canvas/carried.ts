/** Arguments as they came, to be passed on: with numbers and types of Python that JavaScript does not tell apart. */
import type { TaskRequest } from '../wire/task-message.ts'

/** Those that were changed since the message came are as they are. */
export function carriedArguments({ args, kwargs, received }: TaskRequest): Pick<TaskRequest, 'args' | 'kwargs'> {
  return {
    args: received?.args === args ? received.carriedArgs : args,
    kwargs: received?.kwargs === kwargs ? received.carriedKwargs : kwargs,
  }
}
