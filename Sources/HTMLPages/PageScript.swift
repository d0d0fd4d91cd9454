// SPDX-License-Identifier: Apache-2.0

/// The script of all pages: a search and copy buttons, which do not exist where scripts do not run.
enum PageScript {
    static let shared = #"""
        "use strict";
        (() => {
          const field = document.getElementById("search"), found = document.getElementById("found");
          if (field) {
            const items = [...document.querySelectorAll(".item")].map((node) => [node, node.textContent.toLowerCase()]);
            const look = () => {
              const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
              let count = 0;
              for (const [node, text] of items) {
                node.hidden = !words.every((word) => text.includes(word));
                if (!node.hidden) count++;
              }
              found.textContent = words.length ? count + " of " + items.length : "";
            };
            field.closest(".search").hidden = false;
            field.addEventListener("input", look);
            look();
          }
          const copy = async (text) => {
            try { await navigator.clipboard.writeText(text); return true; } catch { }
            // Pages that came by plain HTTP have no clipboard of their own.
            const area = document.createElement("textarea");
            area.value = text;
            document.body.append(area);
            area.select();
            try { return document.execCommand("copy"); } catch { return false; } finally { area.remove(); }
          };
          for (const block of document.querySelectorAll("pre.copy")) {
            const text = block.textContent, button = document.createElement("button");
            button.type = "button";
            button.textContent = "Copy";
            button.addEventListener("click", async () => {
              button.textContent = await copy(text) ? "Copied" : "Select it";
              setTimeout(() => { button.textContent = "Copy"; }, 1500);
            });
            block.classList.add("ready");
            block.append(button);
          }
        })();

        """#
}
