"""What a watcher must know of a RESP command: where its keys are, what its reply means, where its time to live is.

One row a command.  The key positions of the commands that the server has come from protocol/resp/commands.py; here
they stand only for the others that a Redis in the wild is asked.  `resp_rules` reads the rows into a table of C.

reply   what the reply says, one of RULES
ttl     where the time to live is, one of TTLS
value   which argument is the value: its number, 0 for none, -1 for everything behind the key
action  what the command does to the connection, one of ACTIONS
"""

from typing import NamedTuple

from whimbrel.protocol.resp import commands

# The order is that of the enum Rule in resp_rules.pxd.
RULES = (
    "other",  # an error, or OK
    "value",  # nil: miss, else hit
    "values",  # an array with one element for each key: nil is a miss
    "set",  # nil: not stored, else stored
    "setnx",  # 1: stored, 0: not
    "store",  # a number: stored
    "removed",  # how many of the keys were there
    "found",  # the same, of a reading command
    "changed",  # 1: done, 0: there was no such key
    "ttl",  # -2: miss
    "many",  # an empty collection is a miss
    "any",  # one element that is not nil is a hit
    "count",  # 0: miss, since empty collections do not exist
    "type",  # none: miss
)
# The order is that of the enum Ttl.
TTLS = ("none", "never", "options", "seconds", "milliseconds", "until_seconds", "until_milliseconds")
# The order is that of the enum Action.
ACTIONS = ("none", "multi", "exec", "discard", "client", "subscribe", "monitor", "replicate", "reset")

NO_KEYS, ONE, ALL = (0, 0, 0), (1, 1, 1), (1, -1, 1)


class Rule(NamedTuple):
    name: str
    keys: tuple[int, int, int]
    reply: str = "other"
    ttl: str = "none"
    value: int = 0
    action: str = "none"


# Of the server's own commands: what is not "other, none, 0, none".
OWN: dict[str, tuple[str, str, int, str]] = {
    "get": ("value", "none", 0, "none"),
    "getdel": ("value", "none", 0, "none"),
    "getex": ("value", "options", 0, "none"),
    "getset": ("set", "never", 2, "none"),
    "mget": ("values", "none", 0, "none"),
    "set": ("set", "options", 2, "none"),
    "setex": ("set", "seconds", 3, "none"),
    "psetex": ("set", "milliseconds", 3, "none"),
    "setnx": ("setnx", "never", 2, "none"),
    "mset": ("set", "never", 2, "none"),
    "msetnx": ("setnx", "never", 2, "none"),
    "append": ("store", "none", 2, "none"),
    "setrange": ("store", "none", 3, "none"),
    "del": ("removed", "none", 0, "none"),
    "unlink": ("removed", "none", 0, "none"),
    "exists": ("found", "none", 0, "none"),
    "touch": ("found", "none", 0, "none"),
    "expire": ("changed", "seconds", 0, "none"),
    "pexpire": ("changed", "milliseconds", 0, "none"),
    "expireat": ("changed", "until_seconds", 0, "none"),
    "pexpireat": ("changed", "until_milliseconds", 0, "none"),
    "persist": ("changed", "never", 0, "none"),
    "ttl": ("ttl", "none", 0, "none"),
    "pttl": ("ttl", "none", 0, "none"),
    "expiretime": ("ttl", "none", 0, "none"),
    "pexpiretime": ("ttl", "none", 0, "none"),
    "type": ("type", "none", 0, "none"),
    "rename": ("other", "none", 0, "none"),
    "multi": ("other", "none", 0, "multi"),
    "exec": ("other", "none", 0, "exec"),
    "discard": ("other", "none", 0, "discard"),
    "client": ("other", "none", 0, "client"),
    "reset": ("other", "none", 0, "reset"),
}

# What others are asked: data structures, publish/subscribe, replication.
_VALUE = "hget hrandfield lindex lpop rpop spop srandmember rpoplpush lmove zscore zrank zrevrank dump"
_ANY = "hmget zmscore geopos geohash smismember"
_MANY = (
    "hgetall hkeys hvals lrange smembers zrange zrevrange zrangebyscore zrevrangebyscore zrangebylex zrevrangebylex"
    " xrange xrevrange"
)
_COUNT = "hlen llen scard zcard xlen hstrlen zcount zlexcount hexists sismember bitcount getbit"
_STORE = (
    "hset hmset hsetnx lpush rpush lpushx rpushx linsert lset sadd zadd xadd pfadd setbit geoadd hincrby hincrbyfloat"
    " zincrby"
)
_REMOVED = "hdel srem zrem lrem xdel zremrangebyscore zremrangebyrank zremrangebylex xtrim"
_OTHER = (
    "ltrim hscan sscan zscan sort sort_ro bitpos bitfield restore xack xinfo geodist georadius zpopmin zpopmax move"
)
_KEYS = "sinter sunion sdiff pfcount"
_BLOCKING = "blpop brpop bzpopmin bzpopmax"
_BARE = (
    "eval_ro evalsha_ro fcall fcall_ro function publish spublish pubsub cluster acl latency slowlog module debug"
    " lastsave bgsave bgrewriteaof save role wait waitaof failover swapdb shutdown readonly readwrite asking lolwut"
    " xread xreadgroup replconf replicaof slaveof migrate"
)
_SUBSCRIBE = "subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe"

OTHERS: tuple[Rule, ...] = (
    *(Rule(name, ONE, "value") for name in _VALUE.split()),
    *(Rule(name, ONE, "any") for name in _ANY.split()),
    *(Rule(name, ONE, "many") for name in _MANY.split()),
    *(Rule(name, ONE, "count") for name in _COUNT.split()),
    *(Rule(name, ONE, "store", "none", -1) for name in _STORE.split()),
    *(Rule(name, ONE, "count") for name in _REMOVED.split()),
    *(Rule(name, ONE) for name in _OTHER.split()),
    *(Rule(name, ALL) for name in _KEYS.split()),
    *(Rule(name, (1, -2, 1)) for name in _BLOCKING.split()),
    *(Rule(name, NO_KEYS) for name in _BARE.split()),
    *(Rule(name, NO_KEYS, action="subscribe") for name in _SUBSCRIBE.split()),
    Rule("monitor", NO_KEYS, action="monitor"),
    Rule("sync", NO_KEYS, action="replicate"),
    Rule("psync", NO_KEYS, action="replicate"),
)


def rules() -> list[Rule]:
    """Every command known, once."""
    own = [Rule(c.name, c.keys, *OWN.get(c.name, ("other", "none", 0, "none"))) for c in commands.COMMANDS]
    return [*own, *OTHERS]
