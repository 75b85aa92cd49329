#include <fmt/format.h>

#include <cstddef>
#include <utility>

#include "core/error.hpp"
#include "io/pickle.hpp"
#include "io/pickle_calls.hpp"
#include "io/pickle_state.hpp"

namespace stockpot::io {
namespace {

using Kind = PickleValue::Kind;
using Op = PickleOp;

class Machine : private PickleState {
 public:
  Machine(std::string_view bytes, std::string_view path, const PickleLimits& limits)
      : PickleState(bytes, path, limits) {}

  Pickle run() {
    for (std::uint64_t done = 0;; ++done) {
      in_.begin_opcode();
      if (done >= limits_.opcodes) in_.refuse("FMT005", fmt::format("more than {} opcodes", limits_.opcodes));
      const Op op = in_.next();
      if (op == Op::stop) break;
      if (!frame(op) && !scalar(op) && !text(op) && !collection(op) && !memo(op) && !call(op)) {
        in_.refuse("FMT032",
                   fmt::format("opcode 0x{:02X} is none of those that weight files have", static_cast<int>(op)));
      }
    }
    result_.root = pop();
    if (!stack_.empty() || !marks_.empty()) in_.refuse("FMT032", "the pickle leaves more than one value");
    return std::move(result_);
  }

 private:
  // ---- opcodes, by family; each says whether it was one of its own

  bool frame(Op op) {
    switch (op) {
      case Op::proto:
        if (in_.number(1) > 5) in_.refuse("FMT032", "the pickle's protocol is newer than 5");
        return true;
      case Op::frame:
        if (in_.number(8) > in_.left()) in_.refuse("FMT032", "a frame of the pickle is longer than the pickle");
        return true;
      case Op::mark:
        charge(1);
        marks_.push_back(stack_.size());
        return true;
      case Op::pop:
        if (!marks_.empty() && stack_.size() == marks_.back()) {
          marks_.pop_back();
        } else {
          pop();
        }
        return true;
      case Op::pop_mark:
        pop_to_mark();
        return true;
      case Op::dup:
        push(PickleValue(top()));
        return true;
      default:
        return false;
    }
  }

  bool scalar(Op op) {
    switch (op) {
      case Op::none:
        push(Kind::none);
        return true;
      case Op::newtrue:
      case Op::newfalse:
        push(Kind::boolean, op == Op::newtrue ? 1 : 0);
        return true;
      case Op::binint:
        push(Kind::integer, in_.signed_number(4));
        return true;
      case Op::binint1:
        push(Kind::integer, static_cast<std::int64_t>(in_.number(1)));
        return true;
      case Op::binint2:
        push(Kind::integer, static_cast<std::int64_t>(in_.number(2)));
        return true;
      case Op::long1:
        push_long(in_.number(1));
        return true;
      case Op::long4:
        push_long(in_.number(4));
        return true;
      case Op::binfloat:
        in_.skip(sizeof(double));
        push(Kind::number);
        return true;
      default:
        return false;
    }
  }

  void push_long(std::uint64_t bytes) {
    if (bytes <= sizeof(std::int64_t)) return push(Kind::integer, in_.signed_number(bytes));
    in_.skip(bytes);
    push(Kind::number);
  }

  bool text(Op op) {
    switch (op) {
      case Op::binunicode:
        return push_text(Kind::text, 4);
      case Op::short_binunicode:
        return push_text(Kind::text, 1);
      case Op::binunicode8:
        return push_text(Kind::text, 8);
      case Op::short_binstring:
      case Op::short_binbytes:
        return push_text(Kind::bytes, 1);
      case Op::binstring:
      case Op::binbytes:
        return push_text(Kind::bytes, 4);
      case Op::binbytes8:
      case Op::bytearray8:
        return push_text(Kind::bytes, 8);
      default:
        return false;
    }
  }

  bool push_text(Kind kind, std::size_t length_width) {
    push(kind, PickleObject{.text = in_.text(length_width), .name = {}});
    return true;
  }

  void push_items(Kind kind, std::vector<PickleValue> items) {
    push(kind, PickleObject{.text = {}, .name = {}, .items = std::move(items)});
  }

  bool collection(Op op) {
    switch (op) {
      case Op::empty_tuple:
        push_items(Kind::tuple, {});
        return true;
      case Op::tuple:
        push_items(Kind::tuple, pop_to_mark());
        return true;
      case Op::tuple1:
      case Op::tuple2:
      case Op::tuple3:
        push_items(Kind::tuple, pop_count(static_cast<std::size_t>(op) - static_cast<std::size_t>(Op::tuple1) + 1));
        return true;
      case Op::empty_list:
      case Op::empty_set:
        push_items(Kind::list, {});
        return true;
      case Op::list:
      case Op::frozenset:
        push_items(Kind::list, pop_to_mark());
        return true;
      case Op::empty_dict:
        push_items(Kind::dict, {});
        return true;
      case Op::dict:
        push_dict(pop_to_mark());
        return true;
      default:
        return adds_items(op);
    }
  }

  void push_dict(std::vector<PickleValue> items) {
    check_even(items);
    push_items(Kind::dict, std::move(items));
  }

  void check_even(const std::vector<PickleValue>& items) const {
    if (items.size() % 2 != 0) in_.refuse("FMT032", "a dictionary of the pickle has a key without a value");
  }

  bool adds_items(Op op) {
    switch (op) {
      case Op::append:
        add_items(pop_count(1), Kind::list);
        return true;
      case Op::appends:
      case Op::additems:
        add_items(pop_to_mark(), Kind::list);
        return true;
      case Op::setitem:
        add_items(pop_count(2), Kind::dict);
        return true;
      case Op::setitems: {
        std::vector<PickleValue> items = pop_to_mark();
        check_even(items);
        add_items(std::move(items), Kind::dict);
        return true;
      }
      default:
        return false;
    }
  }

  /// To the list or dictionary on top, or to an opaque value: a subclass of one, which keeps them as its items.
  void add_items(std::vector<PickleValue> items, Kind wanted) {
    const PickleValue into = top();
    if (!into.is(wanted) && !into.is(Kind::opaque))
      in_.refuse("FMT032", "the pickle adds an item to what has no items");
    charge(items.size());
    auto& all = object(into).items;
    all.insert(all.end(), items.begin(), items.end());
  }

  bool memo(Op op) {
    switch (op) {
      case Op::binput:
        remember(in_.number(1));
        return true;
      case Op::long_binput:
        remember(in_.number(4));
        return true;
      case Op::memoize:
        remember(remembered());
        return true;
      case Op::binget:
        recall(in_.number(1));
        return true;
      case Op::long_binget:
        recall(in_.number(4));
        return true;
      default:
        return false;
    }
  }

  // ---- names and calls

  bool call(Op op) {
    switch (op) {
      case Op::global: {
        const std::string_view module = in_.line();
        push_global(module, in_.line());
        return true;
      }
      case Op::stack_global: {
        const auto names = pop_count(2);
        if (!names[0].is(Kind::text) || !names[1].is(Kind::text))
          in_.refuse("FMT032", "a name of the pickle is no text");
        push_global(object(names[0]).text, object(names[1]).text);
        return true;
      }
      case Op::binpersid:
        push_storage(pop());
        return true;
      case Op::reduce:
      case Op::newobj: {
        const auto callee_and_arguments = pop_count(2);
        push(called(callee_and_arguments[0], callee_and_arguments[1]));
        return true;
      }
      case Op::newobj_ex:
        push_items(Kind::opaque, pop_count(3));
        return true;
      case Op::build:
        build();
        return true;
      default:
        return false;
    }
  }

  void push_global(std::string_view module, std::string_view name) {
    if (runs_code(module, name)) {
      in_.refuse("FMT032", fmt::format("this file tries to run code when loaded elsewhere: it names {}.{}",
                                       module.substr(0, 100), name.substr(0, 100)));
    }
    push(Kind::global, PickleObject{.text = module, .name = name});
  }

  void push_storage(PickleValue id) {
    if (!id.is(Kind::tuple)) in_.refuse("FMT032", "a persistent id of the pickle is no tuple");
    push_items(Kind::storage, {id});
  }

  PickleValue opaque(PickleValue callee, PickleValue arguments) {
    return make(Kind::opaque, {.text = {}, .name = {}, .items = {callee, arguments}});
  }

  /// What stands for the result of a call.
  PickleValue called(PickleValue callee, PickleValue arguments, bool inner = false) {
    if (!callee.is(Kind::global) || !arguments.is(Kind::tuple)) return opaque(callee, arguments);
    const std::vector<PickleValue>& given = object(arguments).items;
    switch (pickle_call(object(callee).text, object(callee).name)) {
      case PickleCall::dict:
        return dict_of(callee, arguments);
      case PickleCall::copy:
        return given.size() == 1 ? given[0] : opaque(callee, arguments);
      case PickleCall::tensor:
        return make(Kind::tensor, {.text = {}, .name = {}, .items = {callee, arguments}});
      case PickleCall::parameter:
        return !given.empty() && given[0].is(Kind::tensor) ? given[0] : opaque(callee, arguments);
      case PickleCall::from_type:
        if (inner || given.size() < 3) return opaque(callee, arguments);
        return called(PickleValue(given[0]), PickleValue(given[2]), true);
      case PickleCall::opaque:
        break;
    }
    return opaque(callee, arguments);
  }

  PickleValue dict_of(PickleValue callee, PickleValue arguments) {
    const std::vector<PickleValue>& given = object(arguments).items;
    const bool has_content = !given.empty() && !given[0].is(Kind::global) && !given[0].is(Kind::none);
    if (!has_content) return make(Kind::dict, {.text = {}, .name = {}, .items = {}});
    if (given[0].is(Kind::dict)) return given[0];
    if (!given[0].is(Kind::list)) return opaque(callee, arguments);
    return make(Kind::pairs, {.text = {}, .name = {}, .items = {PickleValue(given[0])}});
  }

  /// Of dictionaries (hooks, metadata) and tensors the state says nothing of the weights.
  void build() {
    const PickleValue state = pop();
    const PickleValue of = top();
    if (!of.is(Kind::opaque)) return;
    charge(1);
    object(of).items.push_back(state);
  }
};

}  // namespace

std::string Pickle::name_of(PickleValue value) const {
  if (!value.is(Kind::global)) return "";
  return fmt::format("{}.{}", at(value).text, at(value).name);
}

Pickle read_pickle(std::string_view bytes, std::string_view path, const PickleLimits& limits) {
  return Machine(bytes, path, limits).run();
}

}  // namespace stockpot::io
