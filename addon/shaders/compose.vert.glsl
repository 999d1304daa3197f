/* A triangle that covers the whole region. */
void main()
{
  at = 0.5 * corner + 0.5;
  gl_Position = vec4(corner, 0.0, 1.0);
}
