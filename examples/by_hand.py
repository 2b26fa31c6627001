"""A graph that comes from a table: nobody wrote a function that says what comes after what.

Each line names a dish, what is done, and what that needs: another dish, or what is on the shelf.
"""

from daskflow import CycleError, Flow, Parameter, Task

RECIPES = """
    dough   knead   flour water
    bread   bake    dough
    sauce   simmer  tomatoes basil
    supper  serve   bread sauce
"""


class Step(Task[..., str]):
    """A task with a value of its own: what is done, which only the table knows."""

    def __init__(self, verb: str) -> None:
        super().__init__(name=verb, retries=1)
        self.verb = verb

    def run(self, things: list[str], guests: int) -> str:
        return f"{self.verb}({guests} x {', '.join(things)})"


kitchen = Flow("kitchen")
guests = Parameter("guests", default=2, annotation=int)
dishes: dict[str, str] = {}
for line in RECIPES.strip().splitlines():
    dish, verb, *needs = line.split()
    things = [dishes.get(thing, thing) for thing in needs]
    dishes[dish] = kitchen.add_task(Step(verb), things, guests, name=dish)
kitchen.chain("sauce", "bread")  # there is one stove, and the bread should be hot
kitchen.set_returned(dishes["supper"])

if __name__ == "__main__":
    print(kitchen.graph().order())
    print(kitchen.run(guests="3").result())
    try:
        kitchen.chain("supper", "dough")
    except CycleError as error:
        print(error)
