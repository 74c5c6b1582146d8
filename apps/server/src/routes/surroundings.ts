/** What every group of routes is given. */
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Client } from '@lovage/client'
import type { PublishedTasks } from '../published-tasks.ts'
import type { Authority } from '../queue-api/authority.ts'

export interface Surroundings {
  readonly app: OpenAPIHono
  readonly client: Client
  readonly published: PublishedTasks
  readonly heartbeatMs: number
  /** Who may call the HTTP queue. */
  readonly authority: Authority
  /** Fires when the server closes: what is still open ends. */
  readonly closing: AbortSignal
}
