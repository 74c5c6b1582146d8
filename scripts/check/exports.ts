/** What the packages declare against what stands on disk: exports, bins, dependencies, versions, project references. */
import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import ts from 'typescript'
import { type Finding, type House, isTest, type Room, textOf } from './house.ts'
import { importsOf, packageOf } from './imports.ts'

/** Checks every package of the house. */
export function checkExports(house: House): Finding[] {
  return house.rooms.flatMap((room) => [
    ...targets(house, room),
    ...versions(house, room),
    ...dependencies(house, room),
    ...references(house, room),
  ])
}

function targets(house: House, room: Room): Finding[] {
  const { exports, bin } = room.manifest
  const paths = [...leaves(exports), ...leaves(bin)]
  return paths
    .filter((path) => !existsSync(join(house.root, room.dir, path)))
    .map((path) => found(room, `expected the target of \`exports\` or \`bin\` to exist, got: ${path}`))
}

function leaves(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : []
}

function versions(house: House, room: Room): Finding[] {
  const { dependencies: own, devDependencies, optionalDependencies, peerDependencies, version } = room.manifest
  const wanted = Object.entries({ ...own, ...devDependencies, ...optionalDependencies, ...peerDependencies })
  const mismatches = wanted.flatMap(([name, range]) => {
    const there = house.rooms.find((other) => other.manifest.name === name)?.manifest.version
    if (there !== undefined && there !== range) return [`expected ${name} at ${there}, its version in the house, got: ${range}`]
    return there === undefined && !/^\d/.test(range) ? [`expected an exact version of ${name}, got: ${range}`] : []
  })
  const first = house.rooms[0]?.manifest.version
  if (first !== version) mismatches.push(`expected all packages at one version (${first}), got: ${version}`)
  return mismatches.map((what) => found(room, what))
}

function dependencies(house: House, room: Room): Finding[] {
  const sources = house.files.filter((file) => file.startsWith(`${room.dir}/src/`) && file.endsWith('.ts') && !isTest(file))
  const used = new Set(sources.flatMap((file) => importsOf(textOf(house, file)).map(({ specifier }) => packageOf(specifier))))
  used.delete(undefined)
  used.delete(room.manifest.name)
  const { dependencies: own = {}, optionalDependencies = {}, peerDependencies = {} } = room.manifest
  const declared = new Set(Object.keys({ ...own, ...optionalDependencies, ...peerDependencies }))
  return [
    ...[...used]
      .filter((name) => !declared.has(name as string))
      .map((name) => `expected \`dependencies\` to name ${name}, which src imports`),
    ...[...declared]
      .filter((name) => !used.has(name))
      .map((name) => `expected src to import ${name}, which \`dependencies\` names`),
  ].map((what) => found(room, what))
}

function references(house: House, room: Room): Finding[] {
  const file = posix.join(room.dir, 'tsconfig.json')
  const { config } = ts.readConfigFile(join(house.root, file), ts.sys.readFile)
  const listed = (config as { references?: readonly { path: string }[] } | undefined)?.references ?? []
  const referred = new Set(listed.map(({ path }) => posix.normalize(posix.join(room.dir, path))))
  const needed = house.rooms.filter(({ manifest }) => room.manifest.dependencies?.[manifest.name] !== undefined)
  const missing = needed.filter(({ dir }) => !referred.has(dir)).map(({ dir }) => `expected a reference to ${dir}, a dependency`)
  const spare = [...referred].filter((dir) => !needed.some((other) => other.dir === dir))
  return [...missing, ...spare.map((dir) => `expected references to dependencies only, got: ${dir}`)].map((what) => ({
    where: file,
    what,
  }))
}

function found(room: Room, what: string): Finding {
  return { where: posix.join(room.dir, 'package.json'), what }
}
