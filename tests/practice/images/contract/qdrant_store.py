# Collections of points, kept by Qdrant's own engine out of its Python package qdrant-edge-py.
import os
import shutil
import threading
import uuid

import qdrant_edge as engine

DISTANCES = {name: getattr(engine.Distance, name) for name in ("Cosine", "Dot", "Euclid", "Manhattan")}


class Refused(Exception):
    """A request that gets this status, and these words of Qdrant."""

    def __init__(self, status, words):
        super().__init__(words)
        self.status = status


def field(body, name):
    if name not in body:
        raise Refused(400, f"Format error in JSON body: missing field `{name}`")
    return body[name]


def only(body, *names):
    """A map with no other fields than these: what is not honoured here is refused, not passed over."""
    if not isinstance(body, dict):
        raise Refused(400, "Format error in JSON body: expected a map")
    for name in body:
        if name not in names:
            raise Refused(400, f"this stand-in has no field `{name}`")
    return body


def point_of(body):
    only(body, "id", "vector", "payload")
    return engine.Point(field(body, "id"), field(body, "vector"), body.get("payload"))


def shown(found):
    """A point that was found, as Qdrant writes it: without what was not asked for."""
    one = {"id": found.id, "version": found.version, "score": found.score}
    if isinstance(found.id, uuid.UUID):
        one["id"] = str(found.id)
    if found.payload is not None:
        one["payload"] = found.payload
    if found.vector is not None:
        one["vector"] = found.vector
    return one


class Store:
    """One shard of the engine for each collection, in a folder of its name. Every call holds `lock`."""

    def __init__(self, folder):
        self.lock = threading.Lock()
        self.shards, self.operations = {}, {}
        self.folder, self.unfinished = (os.path.join(folder, one) for one in ("collections", "unfinished"))
        # What a kill left half made or half deleted.
        shutil.rmtree(self.unfinished, ignore_errors=True)
        for one in (self.folder, self.unfinished):
            os.makedirs(one, exist_ok=True)
        for name in sorted(os.listdir(self.folder)):
            self.shards[name] = engine.EdgeShard.load(os.path.join(self.folder, name))

    def shard(self, name):
        if name not in self.shards:
            raise Refused(404, f"Not found: Collection `{name}` doesn't exist!")
        return self.shards[name]

    def names(self):
        return {"collections": [{"name": name} for name in self.shards]}

    def create(self, name, body):
        if name in self.shards:
            raise Refused(409, f"Wrong input: Collection `{name}` already exists!")
        vectors = only(field(only(body, "vectors"), "vectors"), "size", "distance")
        size, distance = field(vectors, "size"), DISTANCES.get(field(vectors, "distance"))
        if distance is None:
            raise Refused(400, "Format error in JSON body: unknown distance")
        if not isinstance(size, int) or not 1 <= size <= 65536:
            raise Refused(422, f"Validation error in JSON body: [vectors.size: value {size} invalid]")
        # A collection is there whole or not at all: its folder gets its place when the engine has finished it.
        made, there = os.path.join(self.unfinished, name), os.path.join(self.folder, name)
        shutil.rmtree(made, ignore_errors=True)
        config = engine.EdgeConfig(vectors=engine.EdgeVectorParams(size=size, distance=distance))
        engine.EdgeShard.create(made, config).close()
        os.rename(made, there)
        self.shards[name] = engine.EdgeShard.load(there)
        return True

    def delete(self, name):
        shard = self.shards.pop(name, None)
        if shard is None:
            return False
        shard.close()
        gone = os.path.join(self.unfinished, str(uuid.uuid4()))
        os.rename(os.path.join(self.folder, name), gone)
        shutil.rmtree(gone)
        return True

    def describe(self, name):
        info = self.shard(name).info()
        counts = ("points_count", "segments_count", "indexed_vectors_count")
        return {"status": "green", "optimizer_status": "ok", **{one: getattr(info, one) for one in counts}}

    def upsert(self, name, body, waits):
        """The engine has the points in its log when this returns: a killed process loses none of them."""
        shard = self.shard(name)
        points = [point_of(one) for one in field(only(body, "points"), "points")]
        shard.update(engine.UpdateOperation.upsert_points(points))
        self.operations[name] = self.operations.get(name, -1) + 1
        return {"operation_id": self.operations[name], "status": "completed" if waits else "acknowledged"}

    def nearest(self, name, body, vector):
        """The points nearest to a vector. @param vector the name of its field"""
        shard = self.shard(name)
        only(body, vector, "limit", "offset", "with_payload", "with_vector", "score_threshold")
        request = engine.QueryRequest(
            query=engine.Query.Nearest(field(body, vector)),
            limit=body.get("limit", 10),
            offset=body.get("offset"),
            with_payload=body.get("with_payload", False),
            with_vector=body.get("with_vector", False),
            score_threshold=body.get("score_threshold"),
        )
        return [shown(one) for one in shard.query(request)]

    def flush(self):
        """From the log to the disk, which only a machine that loses its power needs."""
        for shard in self.shards.values():
            shard.flush()

    def close(self):
        for shard in self.shards.values():
            shard.flush()
            shard.close()
        self.shards.clear()
