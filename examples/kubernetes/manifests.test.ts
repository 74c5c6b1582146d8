/** The manifests, held against the real command and a running server: arguments, address, token, field, metric. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { connect } from 'lovage'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { parseAllDocuments } from 'yaml'

const here = import.meta.dirname
const bin = join(here, '../../apps/cli/bin/lovage.js')

/** Any document of Kubernetes, as far as it is looked at. */
// biome-ignore lint/suspicious/noExplicitAny: manifests are trees of anything, and a wrong path shows as undefined
type Document = any

function documents(file: string): readonly Document[] {
  return parseAllDocuments(readFileSync(join(here, file), 'utf8')).map((document) => {
    expect(document.errors).toEqual([])
    return document.toJS()
  })
}

const only = (file: string, kind: string): Document => documents(file).find((document) => document.kind === kind)
const secret: Readonly<Record<string, string>> = only('secret.yaml', 'Secret').stringData
const service = only('server.yaml', 'Service')
const server = only('server.yaml', 'Deployment').spec.template.spec.containers[0]
const deployment = only('worker.yaml', 'Deployment')
const worker = deployment.spec.template.spec.containers[0]

let folder: string
let url: string
let broker: Awaited<ReturnType<typeof connect>>
const children: ChildProcess[] = []

/** Runs a container's command as it stands, with what the secret says; only the broker is a file here. */
function start(container: Document, ...more: readonly string[]): ChildProcess {
  expect(container.command).toEqual(['node_modules/.bin/lovage'])
  const environment: Record<string, string> = {}
  for (const { name, valueFrom } of container.env) {
    expect(valueFrom.secretKeyRef.name).toBe('lovage')
    environment[name] = secret[valueFrom.secretKeyRef.key] as string
  }
  const env = { ...process.env, ...environment, LOVAGE_BROKER: `sqlite:${join(folder, 'queue.db')}` }
  const child = spawn(process.execPath, [bin, ...container.args, ...more], {
    cwd: here,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  return child
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lovage-kubernetes-'))
  const child = start(server, '--port', '0')
  for await (const line of createInterface({ input: child.stdout as NonNullable<typeof child.stdout> })) {
    const entry = JSON.parse(line)
    if (entry.msg !== 'server ready') continue
    url = entry.url.replace('0.0.0.0', '127.0.0.1')
    break
  }
  broker = await connect(`sqlite:${join(folder, 'queue.db')}`)
}, 30_000)

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await broker.close()
  await rm(folder, { recursive: true, force: true })
})

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

/** The token of a client in the secret. */
function tokenOf(client: string): string {
  const line = (secret.tokens as string).split('\n').find((each) => each.startsWith(`${client} `))
  return line?.split(/\s+/)[1] as string
}

/** Asks the server as KEDA would: the address of the service is that of the process here. */
async function askAsKeda(): Promise<unknown> {
  const [trigger] = only('keda.yaml', 'ScaledObject').spec.triggers
  const address = new URL(trigger.metadata.url)
  expect([address.hostname, Number(address.port)]).toEqual([service.metadata.name, service.spec.ports[0].port])
  const { secretTargetRef } = only('keda.yaml', 'TriggerAuthentication').spec
  expect([trigger.metadata.authMode, secretTargetRef[0].parameter]).toEqual(['bearer', 'token'])
  const response = await fetch(`${url}${address.pathname}`, bearer(secret[secretTargetRef[0].key] as string))
  expect(response.status).toBe(200)
  return ((await response.json()) as Record<string, unknown>)[trigger.metadata.valueLocation]
}

test('what belongs together has the same name, and a pod for every so many tasks as a worker runs at once', () => {
  for (const [file, kind] of [
    ['keda.yaml', 'ScaledObject'],
    ['keda-prometheus.yaml', 'ScaledObject'],
    ['hpa.yaml', 'HorizontalPodAutoscaler'],
  ] as const) {
    expect(only(file, kind).spec.scaleTargetRef.name).toBe(deployment.metadata.name)
  }
  const concurrency = worker.args[worker.args.indexOf('--concurrency') + 1]
  expect(only('keda.yaml', 'ScaledObject').spec.triggers[0].metadata.targetValue).toBe(concurrency)
  expect(only('keda-prometheus.yaml', 'ScaledObject').spec.triggers[0].metadata.threshold).toBe(concurrency)
  expect(only('hpa.yaml', 'HorizontalPodAutoscaler').spec.metrics[0].external.target.averageValue).toBe(concurrency)
  expect(only('keda.yaml', 'ScaledObject').spec.triggers[0].authenticationRef.name).toBe('lovage')
  expect(server.ports[0].containerPort).toBe(service.spec.ports[0].port)
})

test('the probe is answered to everyone, the load only with the token', async () => {
  expect((await fetch(`${url}${server.readinessProbe.httpGet.path}`)).status).toBe(200)
  expect((await fetch(`${url}/api/queues/images/load`)).status).toBe(401)
  expect((await fetch(`${url}/api/queues/images/load`, bearer(tokenOf('prometheus')))).status).toBe(403)
})

test('KEDA reads a number of tasks, and Prometheus the same; the worker of the manifest makes it nothing', {
  timeout: 60_000,
}, async () => {
  expect(await askAsKeda()).toBe(0)
  const input = { url: 'https://example.org/a.png', width: 320 }
  const tasks = await broker.sendMany([1, 2, 3].map(() => ({ task: 'images.resize', input, options: { queue: 'images' } })))
  expect(await askAsKeda()).toBe(3)

  const [job] = documents('prometheus.yaml')[0].scrape_configs
  expect(job.static_configs[0].targets).toEqual([`${service.metadata.name}:${service.spec.ports[0].port}`])
  const scraped = await fetch(`${url}${job.metrics_path}?queue=${job.params.queue}`, bearer(job.authorization.credentials))
  const text = await scraped.text()
  const { query } = only('keda-prometheus.yaml', 'ScaledObject').spec.triggers[0].metadata
  expect(text).toContain(`\n${/^max\((.*)\)$/.exec(query)?.[1]} 3\n`)
  const { metric } = only('hpa.yaml', 'HorizontalPodAutoscaler').spec.metrics[0].external
  expect(text).toContain(`\n${metric.name}{queue="${metric.selector.matchLabels.queue}"} 3\n`)

  start(worker)
  for (const task of tasks) expect(await task.result({ timeout: '45s' })).toBe('https://example.org/a.png at 320')
  await vi.waitFor(async () => expect(await askAsKeda()).toBe(0), { timeout: 15_000 })
})
