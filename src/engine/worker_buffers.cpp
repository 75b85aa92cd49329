#include "engine/worker_buffers.hpp"

namespace stockpot::engine {

WorkerBuffers::WorkerBuffers(MemoryPool& pool, const plan::StripMemory& largest)
    : sizes_(largest), memory_(pool.acquire(largest.total())) {}

}  // namespace stockpot::engine
