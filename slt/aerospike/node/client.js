// The Node client against the server of AEROSPIKE_HOST and AEROSPIKE_PORT: what each call gives.

const assert = require('node:assert')
const Aerospike = require('aerospike')
const { lists, maps, exp, operations: op, batchType } = Aerospike

const NAMESPACE = 'test'
const SET = 'node'
const key = (k) => new Aerospike.Key(NAMESPACE, SET, k)
const status = Aerospike.status

/** That the call fails with the server's error of this number. */
async function fails (code, call) {
  await assert.rejects(call, (error) => error.code === code || assert.fail(`code ${error.code}, not ${code}`))
}

const checks = {
  async everyType (client) {
    const bins = {
      n: 7, d: 1.5, s: 'tëxt', t: true, b: Buffer.from([0, 255]), l: [1, 'a', null, [2]], m: { a: 1, b: { c: [3] } },
      big: 9007199254740993n
    }
    await client.put(key('types'), bins)
    const record = await client.get(key('types'))
    assert.deepStrictEqual({ ...record.bins, big: BigInt(record.bins.big) }, bins)
    assert.strictEqual(record.gen, 1)
    assert.deepStrictEqual((await client.select(key('types'), ['n', 's'])).bins, { n: 7, s: 'tëxt' })
    assert.strictEqual(await client.exists(key('types')), true)
    assert.strictEqual(await client.exists(key('absent')), false)
  },

  async policies (client) {
    await client.put(key('policy'), { a: 1 })
    const create = new Aerospike.WritePolicy({ exists: Aerospike.policy.exists.CREATE })
    await fails(status.ERR_RECORD_EXISTS, () => client.put(key('policy'), { a: 2 }, {}, create))
    const generation = new Aerospike.WritePolicy({ gen: Aerospike.policy.gen.EQ })
    await fails(status.ERR_RECORD_GENERATION, () => client.put(key('policy'), { a: 2 }, { gen: 9 }, generation))
    await client.put(key('policy'), { a: 2 }, { gen: 1, ttl: 1000 }, generation)
    const { bins, gen, ttl } = await client.get(key('policy'))
    assert.deepStrictEqual([bins.a, gen, ttl > 990 && ttl <= 1000], [2, 2, true])
    await fails(status.ERR_RECORD_NOT_FOUND, () => client.get(key('absent')))
    await client.remove(key('policy'))
    await fails(status.ERR_RECORD_NOT_FOUND, () => client.remove(key('policy')))
  },

  async operate (client) {
    await client.put(key('operate'), { n: 1, s: 'b', l: [3, 1], m: { x: 1 } })
    const { bins } = await client.operate(key('operate'), [
      op.incr('n', 4), op.append('s', 'c'), op.prepend('s', 'a'), op.read('n'), op.read('s')
    ])
    assert.deepStrictEqual(bins, { n: 5, s: 'abc' })
    const collections = await client.operate(key('operate'), [
      lists.append('l', 2), maps.put('m', 'y', 5), lists.getByRank('l', -1, lists.returnType.VALUE)
    ])
    assert.strictEqual(collections.bins.m, 2)
    const record = await client.get(key('operate'))
    assert.deepStrictEqual([record.bins.l, record.bins.m], [[3, 1, 2], { x: 1, y: 5 }])
    const top = await client.operate(key('operate'), [maps.getByRank('m', -1, maps.returnType.KEY)])
    assert.strictEqual(top.bins.m, 'y')
  },

  async expressions (client) {
    await client.put(key('exp'), { n: 7 })
    const filter = (n) => new Aerospike.ReadPolicy({ filterExpression: exp.eq(exp.binInt('n'), exp.int(n)) })
    assert.strictEqual((await client.get(key('exp'), filter(7))).bins.n, 7)
    await fails(status.FILTERED_OUT, () => client.get(key('exp'), filter(8)))
    const read = exp.operations.read('x', exp.add(exp.binInt('n'), exp.int(3)), 0)
    assert.strictEqual((await client.operate(key('exp'), [read])).bins.x, 10)
  },

  async batch (client) {
    const keys = [...Array(50).keys()].map((n) => key(`b${n}`))
    const writes = keys.map((k, n) => ({ type: batchType.BATCH_WRITE, key: k, ops: [op.write('n', n)] }))
    assert.ok((await client.batchWrite(writes)).every((row) => row.status === status.OK))
    const reads = [...keys, key('absent')].map((k) => ({ type: batchType.BATCH_READ, key: k, readAllBins: true }))
    const rows = await client.batchRead(reads)
    assert.deepStrictEqual(rows.slice(0, 50).map((row) => row.record.bins.n), [...Array(50).keys()])
    assert.strictEqual(rows[50].status, status.ERR_RECORD_NOT_FOUND)
    const gone = await client.batchRemove(keys)
    assert.ok(gone.every((row) => row.status === status.OK))
  },

  async scan (client) {
    await client.truncate(NAMESPACE, 'nodescan', 0)
    for (let n = 0; n < 200; n++) await client.put(new Aerospike.Key(NAMESPACE, 'nodescan', n), { n })
    const found = await client.query(NAMESPACE, 'nodescan').results()
    assert.deepStrictEqual(found.map((r) => r.bins.n).sort((a, b) => a - b), [...Array(200).keys()])
    const query = client.query(NAMESPACE, 'nodescan', { paginate: true, maxRecords: 60 })
    const seen = []
    do seen.push(...await query.results()); while (query.hasNextPage())
    assert.strictEqual(new Set(seen.map((r) => r.bins.n)).size, 200)
  },

  async info (client) {
    const [{ info }] = await client.infoAll('build')
    assert.match(info, /^build\t\d+\.\d+\.\d+\.\d+/)
  }
}

async function main () {
  const client = await Aerospike.connect({ hosts: `${process.env.AEROSPIKE_HOST}:${process.env.AEROSPIKE_PORT}` })
  let failed = 0
  for (const [name, check] of Object.entries(checks)) {
    await check(client).catch((error) => {
      failed++
      console.log(`---- aerospike-node: ${name}\n${error.stack}`)
    })
  }
  client.close()
  console.log(`aerospike-node: ${Object.keys(checks).length - failed} passed, ${failed} failed`)
  process.exitCode = failed
}

main()
