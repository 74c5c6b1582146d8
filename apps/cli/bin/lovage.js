#!/usr/bin/env node
/** The `lovage` command: sees to a Node that can run it, then hands over to main. Plain JavaScript for any Node from 16. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const least = [22, 18]
const here = dirname(fileURLToPath(import.meta.url))

if (isEnough(process.versions.node)) await start()
else handOver()

async function start() {
  endWithWrapper()
  quieten()
  keepCompiled()
  const source = join(here, '../src/main.ts')
  const main = existsSync(source) ? '../src/main.ts' : '../dist/main.js'
  const { runProcess } = await import(main)
  await runProcess(process.argv.slice(2))
}

/** Compiled code is kept for the next start, for our threads and processes too: this halves what a short command takes. */
function keepCompiled() {
  const cache = nodeModule.enableCompileCache ? nodeModule.enableCompileCache() : undefined
  if (!cache?.directory || process.env.NODE_COMPILE_CACHE) return
  // The answer names the folder of this very Node inside of the one that is asked for.
  process.env.NODE_COMPILE_CACHE = dirname(cache.directory)
}

/** What Lovage stands on knowingly says nothing, and what our own line tells better; every other warning is printed as usual. */
function quieten() {
  const printers = process.listeners('warning')
  process.removeAllListeners('warning')
  process.on('warning', (warning) => {
    if (warning.name === 'ExperimentalWarning' && /SQLite|Type Stripping/i.test(warning.message)) return
    if (warning.message.startsWith('Failed to load the ES module')) return
    for (const print of printers) print.call(process, warning)
  })
}

/** A wrapper that was killed takes its command along, as if they were one process. */
function endWithWrapper() {
  if (process.env.LOVAGE_WRAPPER !== String(process.ppid) || !process.channel) return
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  process.channel.unref()
}

/** Runs the project's own, newer Node with the same words. */
function handOver() {
  const node = newerNode(process.cwd()) || newerNode(here)
  if (node === undefined) {
    process.stderr.write(
      `lovage: expected Node ${least.join('.')} or newer, got: ${process.versions.node} (${process.execPath}); install it from https://nodejs.org or run \`npm install node@24\` in your project\n`,
    )
    process.exit(2)
  }
  const env = { ...process.env, LOVAGE_WRAPPER: String(process.pid) }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env,
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`lovage: expected to run ${node}, got: ${error.message}; run \`npm install\` again\n`)
    process.exit(2)
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code === null ? 1 : code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

/** Looks for `node_modules/node/bin/node` upward from a folder. */
function newerNode(folder) {
  const home = join(folder, 'node_modules/node')
  const found = ['bin/node', 'bin/node.exe'].map((name) => join(home, name)).find(existsSync)
  if (found !== undefined && isEnough(versionIn(home))) return found
  const above = dirname(folder)
  return above === folder ? undefined : newerNode(above)
}

function versionIn(home) {
  try {
    return String(JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')).version)
  } catch {
    return '0'
  }
}

function isEnough(version) {
  const [major, minor] = version.split('.').map(Number)
  return major > least[0] || (major === least[0] && minor >= least[1])
}
