/** What every group of routes is given. */
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Client } from '@lovage/client'
import type { PublishedTasks } from '../published-tasks.ts'

export interface Surroundings {
  readonly app: OpenAPIHono
  readonly client: Client
  readonly published: PublishedTasks
  readonly heartbeatMs: number
  /** Fires when the server closes: what is still open ends. */
  readonly closing: AbortSignal
}
