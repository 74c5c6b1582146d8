/** `import workers from '@lovage/broker-socketio/workers'`: workers that connect out to a socket.io server. */
import { createWorkers, type Workers } from './workers/fleet.ts'

export type { Workers } from './workers/fleet.ts'
export type { WorkerItem } from './workers/item.ts'
export type { AnyProperties, ItemOptions, ShutdownOptions, ShutdownSignal } from './workers/item-options.ts'
export type { Middleware } from './workers/middleware.ts'
export type { Reject, Resolve, TaskContext, TaskHandler } from './workers/task-handler.ts'

const workers: Workers = createWorkers()
export default workers
