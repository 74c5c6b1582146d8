/** Artifacts over HTTP: create, list, look at, follow. */
import { z } from '@hono/zod-openapi'
import { taskStatus } from '@lovage/core'
import type { Context } from 'hono'
import { type Artifacts, artifactBody, latestRun, type NamedArtifact } from './artifacts.ts'
import { ContractError } from './contract-error.ts'
import { type Call, type Endpoint, endpoint } from './endpoint.ts'
import { knownTask, type Office, pageOf, pageQuery } from './office.ts'
import { knownRun } from './run-reports.ts'

const infoSchema = z.object({
  ...{ name: z.string(), storageType: z.string(), expires: z.string(), contentType: z.string() },
  contentLength: z.number().int().optional(),
})

export function artifactEndpoints(office: Office, artifacts: Artifacts): readonly Endpoint[] {
  return [
    createEndpoint(office, artifacts),
    ...finishEndpoint(office),
    ...onRuns((named) => listEndpoint(office, artifacts, named)),
    ...onRuns((named) => getEndpoint(office, artifacts, named)),
    ...onRuns((named) => infoEndpoint(office, artifacts, named)),
    ...onRuns((named) => contentEndpoint(office, artifacts, named)),
  ]
}

/** Everything can be asked of a run, and of the latest one. */
type RunOrLatest = { readonly isLatest: boolean; readonly path: string }
function onRuns(make: (named: RunOrLatest) => Endpoint): readonly Endpoint[] {
  return [make({ isLatest: false, path: '/task/{taskId}/runs/{runId}' }), make({ isLatest: true, path: '/task/{taskId}' })]
}

function createEndpoint(office: Office, artifacts: Artifacts): Endpoint {
  return endpoint({
    ...{ name: 'createArtifact', method: 'post', path: '/task/{taskId}/runs/{runId}/artifacts/{name}', body: artifactBody },
    summary: 'Says where something that a run made can be found, or why it cannot; contents are not kept here',
    answer: z.object({ storageType: z.string() }),
    async handle({ context, params: { taskId = '', runId = '', name = '' }, body }) {
      const task = await knownTask(office, taskId)
      await office.authority.authorize(context, `queue:create-artifact:${taskId}/${runId}`)
      const { storageType } = await artifacts.create(task, runId, name, body)
      return { storageType }
    },
  })
}

/** Only uploads are finished, and there are none. */
function finishEndpoint({ authority }: Office): readonly Endpoint[] {
  return [
    endpoint({
      ...{ name: 'finishArtifact', method: 'put', path: '/task/{taskId}/runs/{runId}/artifacts/{name}' },
      summary: 'Refused: this server keeps no contents',
      async handle({ context, params: { taskId, runId } }) {
        await authority.authorize(context, `queue:create-artifact:${taskId}/${runId}`)
        throw new ContractError('InputError', 'expected no upload to finish, got one: this server keeps no contents of artifacts')
      },
    }),
  ]
}

async function runOf(
  office: Office,
  { params }: Pick<Call, 'params'>,
  isLatest: boolean,
): Promise<{ taskId: string; runId: number }> {
  const { taskId = '', runId = '' } = params
  const status = taskStatus(await knownTask(office, taskId))
  return { taskId, runId: isLatest ? latestRun(status) : knownRun(status, runId).runId }
}

/** What is named `public/...` is for everybody. */
async function allow({ authority }: Office, context: Context, name: string): Promise<void> {
  if (!name.startsWith('public/')) await authority.authorize(context, `queue:get-artifact:${name}`)
}

function infoOf({ name, artifact }: NamedArtifact): z.infer<typeof infoSchema> {
  const { storageType, expires } = artifact
  const contentType = artifact.storageType === 'error' ? 'application/json' : artifact.contentType
  const size =
    artifact.storageType === 'reference' && artifact.contentLength !== undefined ? { contentLength: artifact.contentLength } : {}
  return { name, storageType, expires, contentType, ...size }
}

function listEndpoint(office: Office, artifacts: Artifacts, { isLatest, path }: RunOrLatest): Endpoint {
  return endpoint({
    ...{ name: isLatest ? 'listLatestArtifacts' : 'listArtifacts', method: 'get', path: `${path}/artifacts`, query: pageQuery },
    summary: 'Lists what a run made',
    answer: z.object({ artifacts: z.array(infoSchema), continuationToken: z.string().optional() }),
    async handle(call) {
      const { taskId, runId } = await runOf(office, call, isLatest)
      await office.authority.authorize(call.context, `queue:list-artifacts:${taskId}${isLatest ? '' : `:${runId}`}`)
      const { items, token } = pageOf(await artifacts.list(taskId, runId), ({ name }) => name, call.query)
      return { artifacts: items.map(infoOf), ...token }
    },
  })
}

function getEndpoint(office: Office, artifacts: Artifacts, { isLatest, path }: RunOrLatest): Endpoint {
  return endpoint({
    ...{ name: isLatest ? 'getLatestArtifact' : 'getArtifact', method: 'get', path: `${path}/artifacts/{name}` },
    summary: 'Leads to what a run made (303), or says why it is not there (424)',
    async handle(call) {
      const { name = '' } = call.params
      await allow(office, call.context, name)
      const { taskId, runId } = await runOf(office, call, isLatest)
      const { artifact } = await artifacts.get(taskId, runId, name)
      if (artifact.storageType === 'reference') {
        const { storageType, url } = artifact
        return call.context.json({ storageType, url }, 303, { location: url })
      }
      if (artifact.storageType === 'error') throw new ContractError('ArtifactError', `${artifact.reason}: ${artifact.message}`)
      throw new ContractError('ResourceNotFound', `expected an artifact with an address, got: ${artifact.storageType}`)
    },
  })
}

function infoEndpoint(office: Office, artifacts: Artifacts, { isLatest, path }: RunOrLatest): Endpoint {
  return endpoint({
    ...{
      name: isLatest ? 'latestArtifactInfo' : 'artifactInfo',
      method: 'get',
      path: `${path}/artifact-info/{name}`,
      answer: infoSchema,
    },
    summary: 'Says what something is that a run made',
    async handle(call) {
      const { name = '' } = call.params
      await allow(office, call.context, name)
      const { taskId, runId } = await runOf(office, call, isLatest)
      return infoOf({ ...(await artifacts.get(taskId, runId, name)), name })
    },
  })
}

function contentEndpoint(office: Office, artifacts: Artifacts, { isLatest, path }: RunOrLatest): Endpoint {
  return endpoint({
    ...{ name: isLatest ? 'latestArtifact' : 'artifact', method: 'get', path: `${path}/artifact-content/{name}` },
    summary: 'Says where something is that a run made, without leading there',
    answer: z.object({
      storageType: z.string(),
      url: z.string().optional(),
      message: z.string().optional(),
      reason: z.string().optional(),
    }),
    async handle(call) {
      const { name = '' } = call.params
      await allow(office, call.context, name)
      const { taskId, runId } = await runOf(office, call, isLatest)
      const { artifact } = await artifacts.get(taskId, runId, name)
      if (artifact.storageType === 'reference') return { storageType: artifact.storageType, url: artifact.url }
      if (artifact.storageType === 'error') return { storageType: 'error', message: artifact.message, reason: artifact.reason }
      throw new ContractError('ResourceNotFound', `expected an artifact with an address, got: ${artifact.storageType}`)
    },
  })
}
